# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
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
run strata rebase -f raw -b base2 before.raw
run strata rebase -f raw -b base2 -F qcow2 before.raw
run strata rebase -f raw -b '' before.raw
run strata rebase -f raw -u -b base2 -F qcow2 before.raw
run strata rebase --image-opts -f qcow2 -b base2 -F qcow2 driver=qcow2,file.filename=top
run strata rebase -b base2 -F
run strata rebase --frob -b base2 top
base_state
run strata rebase --image-opts -b base2 -F qcow2 driver=qcow2,file.filename=top
base_state
run strata rebase -t none -T none -b base -F qcow2 top
run strata rebase -U -b base2 -F qcow2 top
base_state
