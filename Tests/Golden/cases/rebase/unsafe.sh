# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_bases
run strata rebase -u -b missing -F qcow2 top
run strata info -U top
run strata rebase -u -b base2 -F raw top
show qemu-img info --output=json top
run strata rebase -u -b base top
run strata rebase -u -b base -F frob top
run strata rebase -u -b base -F vmdk top
run strata rebase -u top
base_state
run strata rebase -u -b '' -F qcow2 top
run strata rebase -u -b base -F qcow2 top
base_state
