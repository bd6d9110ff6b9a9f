# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
blank a.raw 1M
qemu-img create -q -f qcow2 a.qcow2 1M
hold a.qcow2 -f qcow2
run strata info a.qcow2
run strata info -U a.qcow2
run strata info --output=json a.qcow2
run strata info -f raw a.qcow2
release
run strata info a.qcow2
hold a.raw -f raw
run strata info -f raw a.raw
run strata info -f raw -U a.raw
release
hold a.qcow2 -r -f qcow2
run strata info a.qcow2
release
