# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
pattern a.raw 0 64K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
hold a.qcow2 -f qcow2
run strata compare -f raw -F qcow2 a.raw a.qcow2
run strata compare -f qcow2 -F raw a.qcow2 a.raw
run strata compare -U -f raw -F qcow2 a.raw a.qcow2
release
