# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# An L2 table that is not aligned, with zeros where it points to.
pattern a.raw 0 256K 0
qemu-img convert -S 0 -f raw -O qcow2 a.raw a.qcow2
bytes a.qcow2 $((0x30000)) 8000000000040200
run strata check a.qcow2
run strata check --output=json a.qcow2
