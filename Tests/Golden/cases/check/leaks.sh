# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
# The refcount block is at 0x20000; the image ends behind cluster 8, and leaks are counted up to
# the end of the file only.
bytes a.qcow2 $((0x20000 + 2 * 9)) 0001
run strata check a.qcow2
blank a.qcow2 1M
bytes a.qcow2 $((0x20000 + 2 * 9)) 0001
run strata check a.qcow2
run strata check -q a.qcow2
run strata check --output=json a.qcow2
run strata check -q --output=json a.qcow2
bytes a.qcow2 $((0x20000 + 2 * 9)) 0001 0002 0000 0001
run strata check a.qcow2
run strata check --output=json a.qcow2
note 'a refcount that is too large'
bytes a.qcow2 $((0x20000 + 2 * 9)) 0000 0000 0000 0000
bytes a.qcow2 $((0x20000 + 2 * 5)) 0003
run strata check a.qcow2
run strata check --output=json a.qcow2
