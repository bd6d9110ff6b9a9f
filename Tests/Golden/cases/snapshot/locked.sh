# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img snapshot -c one a.qcow2
hold a.qcow2 -f qcow2
run strata snapshot -l a.qcow2
run strata snapshot -U -l a.qcow2
run strata snapshot -c two a.qcow2
run strata snapshot -a one a.qcow2
release
