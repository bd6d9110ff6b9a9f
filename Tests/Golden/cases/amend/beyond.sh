# beyond the peer: it lets an image lose compressed clusters and bitmaps, and names another program in a hint.
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 -o compression_type=zstd a.qcow2 1M
run strata amend -o compat=0.10 a.qcow2
qemu-img create -q -f qcow2 b.qcow2 1M
qemu-img bitmap --add b.qcow2 bitmap
run strata amend -o compat=0.10 b.qcow2
