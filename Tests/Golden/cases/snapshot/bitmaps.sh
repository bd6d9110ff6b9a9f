# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 10M
qemu-img bitmap --add --disable a.qcow2 one
run strata snapshot -c before a.qcow2
run strata snapshot -a before a.qcow2
run strata snapshot -a nobody a.qcow2
run strata snapshot -d before a.qcow2
qemu-img bitmap --remove a.qcow2 one
run strata snapshot -c before a.qcow2
run strata snapshot -a before a.qcow2
run strata check -q a.qcow2
