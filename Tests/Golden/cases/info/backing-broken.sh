# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -u -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2 1M
run strata info a.qcow2
run strata info --output=json a.qcow2
run strata info --backing-chain a.qcow2
run strata info --backing-chain --output=json a.qcow2
blank base.raw 1M
qemu-img create -q -u -f qcow2 -b base.raw -F qcow2 c.qcow2 1M
run strata info --backing-chain c.qcow2
qemu-img create -q -u -f qcow2 -b . -F raw d.qcow2 1M
run strata info --backing-chain d.qcow2
qemu-img create -q -f qcow2 -b base.raw -F raw e.qcow2
bytes e.qcow2 120 66726f
run strata info e.qcow2
run strata info --backing-chain e.qcow2
