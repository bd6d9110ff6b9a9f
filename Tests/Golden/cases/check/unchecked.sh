# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
run strata check a.raw
run strata check -f raw a.raw
run strata check -q -f raw a.raw
run strata check -f raw --output=json a.raw
run strata check missing.qcow2
run strata check --output=json missing.qcow2
run strata check -f qcow2 a.raw
mkdir folder
run strata check folder
blank empty 0
run strata check empty
run strata check -f qcow2 empty
qemu-img create -q -f qcow2 a.qcow2 1M
bytes a.qcow2 36 7fffffff
run strata check a.qcow2
run strata check --output=json a.qcow2
bytes a.qcow2 36 00000001
bytes a.qcow2 40 7fffffffffff0000
run strata check a.qcow2
