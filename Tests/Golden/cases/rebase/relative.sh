# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
mkdir d
qemu-img create -q -f qcow2 -b ../base -F qcow2 d/top
run strata rebase -b base2 -F qcow2 d/top
run strata rebase -b ../base2 -F qcow2 d/top
run strata info d/top
same base qcow2 d/top qcow2
