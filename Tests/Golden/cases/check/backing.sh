# beyond the peer: an image is checked without its backing file
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Files that are missing.
qemu-img create -q -u -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2 1M
run strata check a.qcow2
qemu-img create -q -f qcow2 -o data_file=b.data b.qcow2 1M
rm b.data
run strata check b.qcow2
