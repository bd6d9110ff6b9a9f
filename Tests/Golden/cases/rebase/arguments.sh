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
run strata rebase
run strata rebase top
run strata rebase -F raw top
run strata rebase -b base2
run strata rebase -b base2 top base
run strata rebase -b base2 -F frob top
run strata rebase -b '' -F frob top
run strata rebase -t frob -b base2 -F qcow2 top
run strata rebase -T frob -b base2 -F qcow2 top
run strata rebase -f frob -b base2 -F qcow2 top
run strata rebase -b base2 -F qcow2 missing
run strata rebase -b missing -F qcow2 top
run strata rebase -b missing top
run strata rebase -f raw -b base2 -F qcow2 before.raw
run strata rebase -f raw -b '' before.raw
run strata rebase -f raw -u -b base2 -F qcow2 before.raw
run strata rebase --image-opts -f qcow2 -b base2 -F qcow2 driver=qcow2,file.filename=top
run strata rebase -b base2 -F
run strata rebase --frob -b base2 top
state
run strata rebase --image-opts -b base2 -F qcow2 driver=qcow2,file.filename=top
state
run strata rebase -t none -T none -b base -F qcow2 top
run strata rebase -U -b base2 -F qcow2 top
state
