# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
cp a.raw b.raw
qemu-img convert -f raw -O qcow2 a.raw a.qcow2
qemu-img convert -c -f raw -O qcow2 a.raw c.qcow2
run strata compare -f raw -F raw a.raw b.raw
run strata compare a.raw a.qcow2
run strata compare -f qcow2 -F qcow2 a.qcow2 c.qcow2
run strata compare -q -f raw -F raw a.raw b.raw
run strata compare -s -f raw -F raw a.raw b.raw
run strata compare -f raw -F raw a.raw a.raw
run strata compare a.qcow2 a.qcow2
blank empty.raw 0
run strata compare -f raw -F raw empty.raw empty.raw
blank z.raw 1M
qemu-img create -q -f qcow2 z.qcow2 1M
run strata compare -f raw -F qcow2 z.raw z.qcow2
run strata compare -f qcow2 z.qcow2 z.raw
