# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Defects through which the peer reads: what is beyond the file is zeros.
pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
cp whole.qcow2 a.qcow2
bytes a.qcow2 $((0x40000)) 8000000010000000
run strata convert -O raw a.qcow2 b.raw
run cmp -n 65536 b.raw /dev/zero
run cmp -i 65536 a.raw b.raw
cp whole.qcow2 a.qcow2
bytes a.qcow2 $((0x30000)) 8000000010000000
run strata convert -O raw a.qcow2 b.raw
run cmp -n 262144 b.raw /dev/zero
