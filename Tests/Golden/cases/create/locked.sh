# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 1M
blank base.raw 1M
hold a.qcow2 -f qcow2
run strata create -f qcow2 a.qcow2 2M
run strata create -f raw a.qcow2 2M
run strata create -f qcow2 -b a.qcow2 -F qcow2 b.qcow2
release
run strata info a.qcow2
hold a.qcow2 -r -f qcow2
run strata create -f qcow2 a.qcow2 2M
run strata create -f qcow2 -b a.qcow2 -F qcow2 b.qcow2
release
run strata info a.qcow2
