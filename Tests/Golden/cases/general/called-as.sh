# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Messages begin with the name the program was called by.
ln -s "$(command -v strata)" frob-img
ln -s "$(command -v strata)" qemu-img
run ./frob-img info missing.raw
run ./qemu-img info missing.raw
run ./qemu-img create a.raw 1x
run "$PWD/qemu-img" check missing.raw
