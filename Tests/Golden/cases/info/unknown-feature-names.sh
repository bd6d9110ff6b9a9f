# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# A feature name table that names what is not known, and none at all.
qemu-img create -q -f qcow2 a.qcow2 1M
bytes a.qcow2 77 03 00 00
run strata info a.qcow2
# The table is the first extension: its third entry gets type incompatible, bit 16 and a name.
bytes a.qcow2 216 00 10 66726f6200
run strata info a.qcow2
bytes a.qcow2 112 12345678
run strata info a.qcow2
