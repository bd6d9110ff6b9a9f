# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata check
run strata check a.qcow2 a.qcow2
run strata check -f frob a.qcow2
run strata check --output=xml a.qcow2
run strata check -r a.qcow2
run strata check -r frob a.qcow2
run strata check -T frob a.qcow2
for mode in none writeback writethrough directsync unsafe; do
  run strata check -q -T "$mode" a.qcow2
done
run strata check -U a.qcow2
run strata check --frob a.qcow2
run strata check -p a.qcow2
run strata check --image-opts driver=qcow2,file.filename=a.qcow2
run strata check --image-opts --output=json driver=qcow2,file.filename=a.qcow2
run strata check --image-opts -f qcow2 driver=qcow2,file.filename=a.qcow2
