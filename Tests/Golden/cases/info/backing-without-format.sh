# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# No format in the header: the backing file is probed.
blank base.raw 1M
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -u -f qcow2 -b base.qcow2 -F qcow2 a.qcow2 1M
# The format extension is the first header extension, at 112: make it one nobody knows.
bytes a.qcow2 112 12345678
run strata info a.qcow2
run strata info --output=json a.qcow2
run strata info --backing-chain a.qcow2
qemu-img create -q -u -f qcow2 -b base.raw -F raw b.qcow2 1M
bytes b.qcow2 112 12345678
run strata info --backing-chain b.qcow2
