# beyond the peer: it cannot do any of this
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Content identifiers are drawn by lot.
without_ids() { "$@" 2>&1 | sed -E 's/("?(parent[ -])?cid"?): [0-9]+/\1: N/; s/CID is [0-9a-f]+, parentCID is [0-9a-f]+/CID is N, parentCID is N/'; }
blank a.raw 6M
pattern a.raw 0 3M 7
qemu-img convert -f raw -O vmdk a.raw base.vmdk
pattern a.raw 4M 1000 8
qemu-img convert -f raw -O vmdk a.raw other.vmdk
for subformat in monolithicSparse twoGbMaxExtentSparse; do
  qemu-img create -q -f vmdk -o subformat=$subformat -b base.vmdk -F vmdk child.vmdk
  run strata bench -w -c 3 -d 1 -s 512 -o 1536 -S 2M --pattern 9 -q child.vmdk
  qemu-img create -q -f vmdk -b child.vmdk -F vmdk grandchild.vmdk
  qemu-img convert -O raw child.vmdk wanted.raw
  note 'the name alone: the parent has to be the same'
  run strata rebase -u -b other.vmdk -F vmdk child.vmdk
  run without_ids strata info --backing-chain child.vmdk
  run strata rebase -u -b base.vmdk -F vmdk child.vmdk
  run strata compare child.vmdk wanted.raw
  note 'another parent: what stands on the image is not told of another content'
  run strata rebase -b other.vmdk -F vmdk child.vmdk
  run strata compare child.vmdk wanted.raw
  same child.vmdk vmdk wanted.raw raw
  run strata compare grandchild.vmdk wanted.raw
  run strata check -q child.vmdk
  run strata rebase -b wanted.raw -F raw child.vmdk
  run strata rebase -u -b 'a"b.vmdk' -F vmdk child.vmdk
  note 'none, and one again'
  run strata rebase -b '' child.vmdk
  grep -a -i 'parent' child.vmdk
  same child.vmdk vmdk wanted.raw raw
  run strata rebase -u -b base.vmdk -F vmdk child.vmdk
  run strata rebase -b base.vmdk -F vmdk child.vmdk
  same child.vmdk vmdk wanted.raw raw
  run strata commit -q child.vmdk
  run strata compare child.vmdk wanted.raw
  rm -f child* grandchild*
  qemu-img convert -f raw -O vmdk a.raw other.vmdk
  rm base.vmdk
  truncate -s 6M c.raw
  qemu-img convert -f raw -O vmdk c.raw base.vmdk
done
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 6M
run strata rebase -b base.vmdk -F vmdk flat.vmdk
run strata rebase -u -b base.vmdk -F vmdk flat.vmdk
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized a.raw stream.vmdk
run strata rebase -b base.vmdk -F vmdk stream.vmdk
run strata rebase -b '' stream.vmdk
