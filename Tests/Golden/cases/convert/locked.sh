# beyond the peer: a target tolerates no other writer, raw or not
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
pattern a.raw 0 64K 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
hold a.qcow2 -f qcow2
run strata convert -O raw a.qcow2 b.raw
run strata convert -U -O raw a.qcow2 b.raw
run strata convert -f raw -O qcow2 a.raw a.qcow2
run strata convert -n -f raw -O qcow2 a.raw a.qcow2
run strata convert -n -U -f raw -O qcow2 a.raw a.qcow2
release
hold a.qcow2 -r -f qcow2
run strata convert -O raw a.qcow2 c.raw
run strata convert -n -f raw -O qcow2 a.raw a.qcow2
release
note 'raw images are shared: qemu-io tolerates other writers, and raw adds no claim of its own'
hold b.raw -f raw
run strata convert -n -f raw -O raw a.raw b.raw
run strata convert -f raw -O qcow2 b.raw d.qcow2
release
