# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata check a.qcow2
run strata check -q a.qcow2
run strata check --output=json a.qcow2
run strata check --output=json -q a.qcow2
run strata check --output=human a.qcow2
run strata check -f qcow2 a.qcow2
qemu-img create -q -f qcow2 b.qcow2 0
run strata check b.qcow2
run strata check --output=json b.qcow2
pattern c.raw 0 1M 65
qemu-img convert -f raw -O qcow2 c.raw c.qcow2
run strata check c.qcow2
run strata check --output=json c.qcow2
qemu-img convert -f raw -O qcow2 -o compat=0.10,cluster_size=512 c.raw d.qcow2
run strata check d.qcow2
for bits in 1 2 4 8 32 64; do
  qemu-img convert -f raw -O qcow2 -o "refcount_bits=$bits" c.raw d.qcow2
  run strata check d.qcow2
done
qemu-img convert -f raw -O qcow2 -o extended_l2=on c.raw d.qcow2
run strata check d.qcow2
qemu-img convert -f raw -O qcow2 -o data_file=e.data c.raw e.qcow2
run strata check e.qcow2
run strata check --output=json e.qcow2
