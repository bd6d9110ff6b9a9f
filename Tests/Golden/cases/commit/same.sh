# beyond the peer: that an image is its own base is said
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
make_chain
run strata commit -b top top
run strata commit -b ./top top
chain_state
