# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
mk() {
  qemu-img create -q -f qcow2 base 1M
  qemu-io -f qcow2 -c "write -P 1 0 256k" base >/dev/null
  qemu-img create -q -f qcow2 -b base -F qcow2 top
  qemu-io -f qcow2 -c "write -P 2 64k 64k" top >/dev/null
  qemu-img create -q -f qcow2 base2 1M
  qemu-io -f qcow2 -c "write -P 1 0 128k" base2 >/dev/null
  qemu-img convert -f qcow2 -O raw top before.raw
}
state() {
  same before.raw raw top qcow2
  qemu-img info top | grep backing | sed "s/^/= /"
  allocation qcow2 top
}
mk
run strata rebase -p -b base2 -F qcow2 top
run strata rebase -p -q -b base -F qcow2 top
run strata rebase -p -u -b base2 -F qcow2 top
run strata rebase -q -u -b base2 -F qcow2 top
run strata rebase -p -b base2 -F qcow2 missing
run strata rebase -p -b missing -F qcow2 top
