# beyond the peer: it has no such command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 b.qcow2
blank c.raw 1M
cp a.qcow2 d.qcow2
bytes d.qcow2 72 80
blank e.bochs 1M
printf 'Bochs Virtual HD Image' | dd of=e.bochs conv=notrunc status=none
run strata inspect a.qcow2
run strata inspect b.qcow2
run strata inspect --output=json b.qcow2
run strata inspect c.raw
run strata inspect -f raw a.qcow2
run strata inspect d.qcow2
run strata inspect e.bochs
run strata inspect missing
run strata inspect -q b.qcow2
