# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 -o lazy_refcounts=on a.raw a.qcow2
note dirty
bytes a.qcow2 79 01
run strata check a.qcow2
run strata check --output=json a.qcow2
show number a.qcow2 79 1
note corrupt
bytes a.qcow2 79 02
run strata check a.qcow2
run strata check --output=json a.qcow2
show number a.qcow2 79 1
