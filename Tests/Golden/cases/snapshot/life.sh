# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata snapshot -c one a.qcow2
run strata snapshot -c one a.qcow2
run strata snapshot -c '' a.qcow2
run strata snapshot -c 1 a.qcow2
run strata snapshot -q -c "$(printf 'long%.0s' {1..100})" a.qcow2
run strata snapshot -l a.qcow2
run strata check -q a.qcow2
run strata snapshot -a 1 a.qcow2
run strata snapshot -a one a.qcow2
run strata snapshot -a nope a.qcow2
run strata snapshot -d nope a.qcow2
run strata snapshot -d '' a.qcow2
run strata snapshot -d 1 a.qcow2
run strata snapshot -l a.qcow2
run strata snapshot -d one a.qcow2
run strata snapshot -l a.qcow2
run strata snapshot -c again a.qcow2
run strata snapshot -l a.qcow2
run strata check -q a.qcow2
