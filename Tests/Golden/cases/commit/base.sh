# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
run strata commit -b base top
chain_state
allocation qcow2 base
make_chain
run strata commit -b mid top
chain_state
make_chain
run strata commit -b ./mid -d top
chain_state
make_chain
run strata commit -b "$PWD/base" top
chain_state
run strata info top
