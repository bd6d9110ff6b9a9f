# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
note 'cut in the data'
truncate -s $((0x70000)) a.qcow2
run strata check a.qcow2
note 'cut before the L2 table'
truncate -s $((0x40000)) a.qcow2
run strata check a.qcow2
note 'cut before the refcount block'
truncate -s $((0x20000)) a.qcow2
run strata check a.qcow2
note 'cut before the refcount table'
truncate -s $((0x10000)) a.qcow2
run strata check a.qcow2
