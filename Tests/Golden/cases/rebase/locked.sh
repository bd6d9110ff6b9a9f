# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
hold top -f qcow2
run strata rebase -b base2 -F qcow2 top
run strata rebase -U -b base2 -F qcow2 top
run strata rebase -u -b base2 -F qcow2 top
release
hold base2 -f qcow2
run strata rebase -b base2 -F qcow2 top
run strata rebase -u -b base2 -F qcow2 top
release
