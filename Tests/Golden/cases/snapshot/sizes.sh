# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata snapshot -c one a.qcow2
qemu-img resize -q a.qcow2 3M
run strata snapshot -c two a.qcow2
for name in one two; do
  run strata snapshot -a $name a.qcow2
  note "length $(number a.qcow2 24 8)"
done
qemu-img resize -q --shrink a.qcow2 512k
run strata snapshot -a two a.qcow2
note "length $(number a.qcow2 24 8)"
qemu-img resize -q a.qcow2 10G
run strata snapshot -a one a.qcow2
note "length $(number a.qcow2 24 8)"
run strata check -q a.qcow2
