# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 1048576
pattern a.raw 300K 300K 0
qemu-img convert -O qcow2 a.raw a.qcow2
for bs in 77 512 1999 64k 1M; do
  run strata dd -f qcow2 -O raw "bs=$bs" if=a.qcow2 of=b.raw
  same a.qcow2 qcow2 b.raw raw
  run strata dd -f qcow2 -O qcow2 "bs=$bs" if=a.qcow2 of=b.qcow2
  same a.qcow2 qcow2 b.qcow2 qcow2
done
allocation qcow2 b.qcow2
run strata dd -f raw bs=1000 count=7 if=a.raw of=c.raw
cmp -n 7000 a.raw c.raw
run strata dd -f raw bs=64k skip=3 if=a.raw of=d.raw
cmp -i 196608:0 a.raw d.raw
size_of c.raw d.raw
