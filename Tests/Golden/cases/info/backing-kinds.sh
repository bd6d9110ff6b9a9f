# beyond the peer: an image may not name anything but local files
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
qemu-img create -q -f qcow2 -b "$PWD/base.raw" -F raw a.qcow2
run strata info a.qcow2
run strata info --output=json a.qcow2
qemu-img create -q -f qcow2 -b file:base.raw -F raw b.qcow2
run strata info --output=json b.qcow2
qemu-img create -q -f qcow2 -b 'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}' -F raw c.qcow2
run strata info c.qcow2
run strata info --backing-chain --output=json c.qcow2
