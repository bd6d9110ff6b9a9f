# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
run strata rebase -b base2 -F qcow2 top
base_state
run strata rebase -b base -F qcow2 top
base_state
run strata rebase -b "" top
base_state
run strata rebase -b base -F qcow2 top
base_state
