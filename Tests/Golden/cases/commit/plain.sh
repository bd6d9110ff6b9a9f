# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
run strata commit top
chain_state
size_of top
run strata commit top
make_chain
run strata commit -d top
chain_state
make_chain
run strata commit -q top
chain_state
