# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
hold top -f qcow2
run strata commit top
release
hold mid -f qcow2
run strata commit top
release
hold base -f qcow2
run strata commit top
release
hold mid -r -f qcow2
run strata commit top
release
chain_state
