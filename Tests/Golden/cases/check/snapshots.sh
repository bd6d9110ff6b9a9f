# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
qemu-img snapshot -c one a.qcow2
run strata check a.qcow2
run strata check --output=json a.qcow2
table=$(number a.qcow2 64 8)
cp a.qcow2 whole.qcow2
note 'the L1 table of the snapshot is not aligned'
bytes a.qcow2 "$table" 0000000000090200
run strata check a.qcow2
note 'the L1 table of the snapshot is too large'
cp whole.qcow2 a.qcow2
bytes a.qcow2 $((table + 8)) 7fffffff
run strata check a.qcow2
note 'the L1 table of the snapshot is beyond the file'
cp whole.qcow2 a.qcow2
bytes a.qcow2 "$table" 0000000010000000
run strata check a.qcow2
