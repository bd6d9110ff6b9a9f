# beyond the peer: what is not complete does not appear
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 10M
qemu-img bitmap --add a.qcow2 one
run strata convert --bitmaps -O raw a.qcow2 b.raw
run strata convert --bitmaps -O qcow2 -o compat=0.10 a.qcow2 b.qcow2
present b.raw b.qcow2
