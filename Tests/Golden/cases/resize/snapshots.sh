# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img snapshot -c one a.qcow2
run strata resize a.qcow2 2M
run strata resize --shrink a.qcow2 512k
run strata check -q a.qcow2
note "length $(number a.qcow2 24 8)"
qemu-img create -q -f qcow2 -o compat=0.10 b.qcow2 1M
qemu-img snapshot -c one b.qcow2
run strata resize b.qcow2 2M
run strata resize b.qcow2 1M
run strata resize --shrink b.qcow2 512k
qemu-img snapshot -d one b.qcow2
run strata resize --shrink b.qcow2 512k
