# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
run strata rebase -p -b base2 -F qcow2 top
run strata rebase -p -q -b base -F qcow2 top
run strata rebase -p -u -b base2 -F qcow2 top
run strata rebase -q -u -b base2 -F qcow2 top
run strata rebase -p -b base2 -F qcow2 missing
run strata rebase -p -b missing -F qcow2 top
