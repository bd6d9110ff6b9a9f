# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 1M
hold a.qcow2 -f qcow2
run strata resize a.qcow2 2M
release
hold a.qcow2 -r -f qcow2
run strata resize a.qcow2 2M
release
run strata resize a.qcow2 2M
