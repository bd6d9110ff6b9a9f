# beyond the peer: a field "compressed", as newer releases have
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Three layers, the lowest one shorter than the others.
pattern base.raw 0 512K 65
qemu-img create -q -f qcow2 -b base.raw -F raw mid.qcow2 1M
blank b.raw 1M
pattern b.raw 131072 65536 66
pattern b.raw 786432 65536 66
qemu-img convert -n --target-is-zero -f raw -O qcow2 b.raw mid.qcow2
qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2 2M
blank c.raw 2M
pattern c.raw 262144 65536 67
qemu-img convert -n --target-is-zero -f raw -O qcow2 c.raw top.qcow2
run strata map --output=json top.qcow2
run strata map --output=json mid.qcow2
