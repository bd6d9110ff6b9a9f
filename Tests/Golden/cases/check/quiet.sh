# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
bytes a.qcow2 $((0x20000 + 2 * 5)) 0000
run strata check -q a.qcow2
run strata check -q --output=json a.qcow2
