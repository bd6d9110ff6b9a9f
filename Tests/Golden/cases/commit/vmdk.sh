# beyond the peer: it compares identifiers when it reads, if at all
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for subformat in monolithicSparse twoGbMaxExtentSparse; do
  qemu-img create -q -f vmdk -o subformat=$subformat base.vmdk 6M
  qemu-img create -q -f vmdk -o subformat=$subformat -b base.vmdk -F vmdk top.vmdk
  show qemu-io -f vmdk -c 'write -q -P 1 0 4M' -c 'write -q -P 2 5M 20k' top.vmdk
  run strata convert -O raw top.vmdk before.raw
  note 'broken off, the image reads the same'
  (
    ulimit -f 1024
    run strata commit top.vmdk
  )
  run strata compare top.vmdk before.raw
  run strata commit top.vmdk
  run strata compare top.vmdk before.raw
  run strata compare base.vmdk before.raw
  note 'QEMU finds the tables that it writes to'
  show qemu-io -f vmdk -c 'write -q -P 3 64k 64k' top.vmdk
  show qemu-io -f vmdk -c 'read -q -P 1 0 64k' -c 'read -q -P 3 64k 64k' -c 'read -q -P 1 128k 64k' top.vmdk
  run strata check top.vmdk
  rm -f ./*.vmdk
done

note 'where nothing is written, other children of the base stay'
qemu-img create -q -f vmdk base.vmdk 1M
qemu-img create -q -f vmdk -b base.vmdk -F vmdk top.vmdk
qemu-img create -q -f vmdk -b base.vmdk -F vmdk other.vmdk
run strata commit top.vmdk
run strata compare top.vmdk other.vmdk

note 'layers above the one that is emptied, and above the base, are brought into step'
pattern a.raw 0 1M 1
qemu-img convert -f raw -O vmdk a.raw a.vmdk
qemu-img create -q -f vmdk -b a.vmdk -F vmdk b.vmdk
show qemu-io -f vmdk -c 'write -q -P 2 64k 64k' b.vmdk
qemu-img create -q -f vmdk -b b.vmdk -F vmdk c.vmdk
show qemu-io -f vmdk -c 'write -q -P 3 128k 64k' c.vmdk
run strata convert -O raw c.vmdk before.raw
run strata commit b.vmdk
run strata compare c.vmdk before.raw
run strata commit -b a.vmdk c.vmdk
run strata compare c.vmdk before.raw
show qemu-io -f vmdk -c 'write -q -P 4 192k 64k' b.vmdk
qemu-img create -q -f vmdk -b b.vmdk -F vmdk c.vmdk
run strata commit -d b.vmdk
run strata check -q b.vmdk
run strata compare a.vmdk b.vmdk
