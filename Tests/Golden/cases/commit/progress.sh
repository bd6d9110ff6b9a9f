# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
mk() {
  rm -f base mid top
  qemu-img create -q -f qcow2 base 1M
  qemu-io -f qcow2 -c "write -P 1 0 256k" base >/dev/null
  qemu-img create -q -f qcow2 -b base -F qcow2 mid
  qemu-io -f qcow2 -c "write -P 2 64k 64k" mid >/dev/null
  qemu-img create -q -f qcow2 -b mid -F qcow2 top
  qemu-io -f qcow2 -c "write -P 3 128k 64k" -c "write -z 0 64k" -c "discard 192k 64k" top >/dev/null
  qemu-img convert -f qcow2 -O raw top before.raw
}
state() {
  same before.raw raw top qcow2
  allocation qcow2 top
  allocation qcow2 mid
  for image in base mid top; do show qemu-img check -q -f qcow2 $image; done
}
mk
run strata commit -p -d top
run strata commit -p -q -d top
run strata commit -p top
run strata commit -p missing
qemu-img create -q -f qcow2 alone 1M
run strata commit -p alone
run strata commit -p -q alone
run strata commit -p -b nobody top
