# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img snapshot -c first a.qcow2
qemu-img snapshot -c 'second one' a.qcow2
qemu-img snapshot -c a-name-that-is-longer-than-its-column a.qcow2
run strata info a.qcow2
run strata info --output=json a.qcow2
qemu-img snapshot -d 'second one' a.qcow2
run strata info a.qcow2
