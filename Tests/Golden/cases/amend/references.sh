# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 a.qcow2
for option in backing_file=base.qcow2,backing_fmt=qcow2 backing_file=base.qcow2 backing_fmt=qcow2 \
  backing_file=./base.qcow2,backing_fmt=qcow2 backing_file=; do
  run strata amend -o "$option" a.qcow2
done
run strata info a.qcow2
qemu-img create -q -f qcow2 -o data_file=b.raw,data_file_raw=on b.qcow2 1M
cp b.raw c.raw
run strata amend -o data_file=c.raw b.qcow2
run strata amend -o data_file_raw=on b.qcow2
run strata amend -o data_file_raw=off b.qcow2
run strata info b.qcow2
run strata amend -o data_file= b.qcow2
run strata info b.qcow2
