# beyond the peer: a line feed ends the hint about lost clusters
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img bitmap --add a.qcow2 one
qemu-img bitmap --add -g 4k --disable a.qcow2 two
run strata info a.qcow2
run strata info --output=json a.qcow2
bytes a.qcow2 95 00
run strata info a.qcow2
