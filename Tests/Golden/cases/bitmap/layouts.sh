# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 base.qcow2 10M
for options in cluster_size=512 cluster_size=2M extended_l2=on refcount_bits=1 data_file=data.raw lazy_refcounts=on; do
  rm -f data.raw
  qemu-img create -q -f qcow2 -o $options a.qcow2 10M
  run strata bitmap --add a.qcow2 one
  run strata bitmap --add -g 512 --disable a.qcow2 two
  run strata bitmap --remove a.qcow2 one
  run strata info a.qcow2
  run qemu-img check -q a.qcow2
done
for options in cluster_size=512 cluster_size=64k; do
  qemu-img create -q -f qcow2 -o $options -b base.qcow2 -F qcow2 b.qcow2
  run strata bitmap --add b.qcow2 one
  run strata info b.qcow2
  run strata bitmap --remove b.qcow2 one
  run qemu-img info b.qcow2
  run qemu-img check -q b.qcow2
done
note an overlay whose backing file is gone
rm base.qcow2
run strata bitmap --add b.qcow2 one
run strata info b.qcow2
