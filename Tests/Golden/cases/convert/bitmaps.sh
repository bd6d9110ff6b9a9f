# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 10M
qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 10M
blank a.raw 1M
qemu-img bitmap --add a.qcow2 one
qemu-img bitmap --add --disable -g 4k a.qcow2 two
run strata convert --bitmaps -O qcow2 a.qcow2 b.qcow2
run strata info b.qcow2
run strata convert --bitmaps -c -O qcow2 -o cluster_size=4k a.qcow2 c.qcow2
run strata info c.qcow2
run qemu-img check -q c.qcow2
run strata convert -O qcow2 a.qcow2 c.qcow2
run strata info c.qcow2
run strata convert --bitmaps -O qcow2 old.qcow2 d.qcow2
run strata convert --bitmaps -f raw -O qcow2 a.raw d.qcow2
run strata convert --bitmaps -O qcow2 a.qcow2 b.qcow2 d.qcow2
present d.qcow2
run strata convert --bitmaps -n -O qcow2 a.qcow2 b.qcow2
qemu-img create -q -f qcow2 e.qcow2 12M
qemu-img bitmap --add e.qcow2 own
run strata convert --bitmaps -n -O qcow2 a.qcow2 e.qcow2
qemu-img create -q -f qcow2 f.qcow2 10M
qemu-img bitmap --add f.qcow2 own
run strata convert --bitmaps -n -O qcow2 a.qcow2 f.qcow2
run strata info f.qcow2
