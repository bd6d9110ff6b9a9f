# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 10M
noise a.raw 1048576 200000
noise a.raw 5000000 70000
qemu-img convert -O qcow2 a.raw a.qcow2
qemu-img convert -c -O qcow2 a.raw c.qcow2
qemu-img convert -O qcow2 -o compat=0.10 a.raw v2.qcow2
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 o.qcow2 20M
qemu-img create -q -f qcow2 -o preallocation=metadata p.qcow2 10M
blank odd.raw 70000
noise odd.raw 69000 1000
for image in a.raw a.qcow2 c.qcow2 v2.qcow2 o.qcow2 p.qcow2 odd.raw; do
  for format in raw qcow2; do
    run strata measure -O $format $image
    run strata measure --output=json -O $format -o size=1M $image
  done
  run strata measure -O qcow2 -o cluster_size=4k $image
  run strata measure -O qcow2 -o cluster_size=2M $image
  run strata measure -O qcow2 -o preallocation=full $image
  run strata measure -O qcow2 -o backing_file=x,backing_fmt=raw $image
  run strata measure -O qcow2 -o compat=0.10 $image
done
qemu-img snapshot -c one a.qcow2
noise b.raw 8000000 300000
qemu-img convert -n -O qcow2 b.raw a.qcow2
run strata measure -O qcow2 -l one a.qcow2
run strata measure -O qcow2 -l snapshot.name=one a.qcow2
run strata measure -O qcow2 a.qcow2
note 'snapshots that are not there'
qemu-img create -q -f qcow2 bare.qcow2 1M
run strata measure -O qcow2 -l nobody bare.qcow2
run strata measure -O raw -l snapshot.name=nobody bare.qcow2
run strata measure -O raw -f raw -l nobody bare.qcow2
