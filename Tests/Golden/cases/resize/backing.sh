# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
pattern base.raw 0 1048576 5
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2 512k
run strata resize a.qcow2 2M
allocation qcow2 a.qcow2
run strata resize --preallocation=metadata a.qcow2 3M
allocation qcow2 a.qcow2
run strata resize --shrink a.qcow2 256k
run strata resize a.qcow2 768k
allocation qcow2 a.qcow2
qemu-img create -q -f qcow2 -o compat=0.10 -b base.raw -F raw b.qcow2 512k
run strata resize b.qcow2 1M
run strata resize --shrink b.qcow2 256k
qemu-img create -q -f qcow2 -u -b missing -F qcow2 c.qcow2 1M
run strata resize c.qcow2 2M
for image in a b; do qemu-img check -q "$image.qcow2" || note "$image is damaged"; done
