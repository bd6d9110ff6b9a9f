# beyond the peer: a failure is told as an object, in the place of a list that has only begun
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -u -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2 1M
run strata map a.qcow2
pattern b.raw 0 1M 65
qemu-img convert -f raw -O qcow2 b.raw b.qcow2
note 'an L2 table that is not aligned, one beyond the file, a cluster that is not aligned'
cp b.qcow2 c.qcow2
bytes c.qcow2 196608 8000000000040200
run strata map c.qcow2
cp b.qcow2 c.qcow2
bytes c.qcow2 196608 8000000010000000
run strata map c.qcow2
cp b.qcow2 c.qcow2
bytes c.qcow2 262144 8000000000050200
run strata map c.qcow2
run strata map --output=json c.qcow2
