# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
qemu-img create -q -f qcow2 a.qcow2 2M
qemu-img convert -n --target-is-zero -f raw -O qcow2 a.raw a.qcow2
run strata map --start-offset=64k a.qcow2
run strata map --start-offset=64k --max-length=64k a.qcow2
run strata map --max-length=1000 a.qcow2
run strata map --start-offset=1 --max-length=1 a.qcow2
run strata map --start-offset=513 --max-length=600 a.qcow2
run strata map --max-length=0 a.qcow2
run strata map --max-length=3M a.qcow2
run strata map --start-offset=2M a.qcow2
run strata map --start-offset=3M a.qcow2
run strata map --start-offset=0x10000 --max-length=1.5k a.qcow2
run strata map --start-offset=1M a.qcow2
