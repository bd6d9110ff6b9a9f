# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Allocation must agree as well.
blank z.raw 1M
qemu-img create -q -f qcow2 none.qcow2 1M
qemu-img create -q -f qcow2 -o preallocation=full all.qcow2 1M
run strata compare -f qcow2 -F qcow2 none.qcow2 all.qcow2
run strata compare -s -f qcow2 -F qcow2 none.qcow2 all.qcow2
run strata compare -s -f qcow2 -F qcow2 all.qcow2 none.qcow2
run strata compare -s -q -f qcow2 -F qcow2 all.qcow2 none.qcow2
run strata compare -s -f raw -F qcow2 z.raw none.qcow2
pattern a.raw 0 1M 65
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
run strata compare -s -f raw -F qcow2 a.raw a.qcow2
blank b.raw 1M
pattern b.raw 524288 65536 65
qemu-img convert -f raw -O qcow2 b.raw b.qcow2
qemu-img convert -f raw -O qcow2 -S 0 b.raw c.qcow2
run strata compare -f qcow2 -F qcow2 b.qcow2 c.qcow2
run strata compare -s -f qcow2 -F qcow2 b.qcow2 c.qcow2
qemu-img create -q -f qcow2 -b b.raw -F raw over.qcow2
run strata compare -s -f qcow2 -F qcow2 over.qcow2 b.qcow2
