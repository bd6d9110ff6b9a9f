# beyond the peer: a field "compressed", as newer releases have
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
pattern a.raw 196608 131072 66
pattern a.raw 983040 65536 67
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata map --output=json a.qcow2
qemu-img create -q -f qcow2 empty.qcow2 1M
run strata map --output=json empty.qcow2
qemu-img create -q -f qcow2 none.qcow2 0
run strata map --output=json none.qcow2
