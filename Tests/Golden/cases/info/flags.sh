# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The dirty and the corrupt bit, unknown features.
qemu-img create -q -f qcow2 -o lazy_refcounts=on a.qcow2 1M
bytes a.qcow2 79 01
run strata info a.qcow2
run strata info --output=json a.qcow2
bytes a.qcow2 79 02
run strata info a.qcow2
run strata info --output=json a.qcow2
bytes a.qcow2 79 03
run strata info --output=json a.qcow2
bytes a.qcow2 79 00
note 'an unknown incompatible feature, with and without a name in the table'
bytes a.qcow2 79 20
run strata info a.qcow2
bytes a.qcow2 78 80 20
run strata info a.qcow2
bytes a.qcow2 72 80 00000000000000
run strata info a.qcow2
bytes a.qcow2 72 0000000000000000
note 'unknown compatible and auto-clear features'
bytes a.qcow2 80 8000000000000000 8000000000000000
run strata info a.qcow2
