# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -u -f qcow2 -b a.qcow2 -F qcow2 self.qcow2 1M
mv self.qcow2 a.qcow2
run strata info a.qcow2
run strata info --backing-chain a.qcow2
run strata info --backing-chain --output=json a.qcow2
qemu-img create -q -u -f qcow2 -b c.qcow2 -F qcow2 b.qcow2 1M
qemu-img create -q -u -f qcow2 -b b.qcow2 -F qcow2 c.qcow2 1M
run strata info b.qcow2
run strata info --backing-chain b.qcow2
