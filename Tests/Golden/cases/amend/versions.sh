# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
blank base.raw 1M
pattern base.raw 0 1048576 5
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2
qemu-io -f qcow2 -c 'write -z 0 256k' -c 'write -P 1 256k 64k' -c 'write -z 256k 64k' a.qcow2 >log
cp a.qcow2 before.qcow2
run strata amend -o compat=0.10 a.qcow2
run strata info --output=json a.qcow2
same before.qcow2 qcow2 a.qcow2 qcow2
show qemu-img check -q a.qcow2
run strata amend -o compat=1.1,lazy_refcounts=on,refcount_bits=8 a.qcow2
run strata info a.qcow2
same before.qcow2 qcow2 a.qcow2 qcow2
show qemu-img check -q a.qcow2
run strata amend -o compat=0.10 a.qcow2
run strata amend -o compat=0.10,refcount_bits=16 a.qcow2
run strata info a.qcow2
qemu-img create -q -f qcow2 -o extended_l2=on b.qcow2 1M
run strata amend -o compat=0.10 b.qcow2
qemu-img create -q -f qcow2 -o data_file=c.raw c.qcow2 1M
run strata amend -o compat=0.10 c.qcow2
qemu-img create -q -f qcow2 -o data_file=e.raw,refcount_bits=8 e.qcow2 1M
run strata amend -o compat=0.10 e.qcow2
qemu-img create -q -f qcow2 d.qcow2 1M
qemu-io -f qcow2 -c 'write 0 64k' d.qcow2 >log
for name in 1 2 3; do qemu-img snapshot -c $name d.qcow2; done
run strata amend -o refcount_bits=2 d.qcow2
run strata amend -o compat=0.10 d.qcow2
run strata amend -o compat=1.1 d.qcow2
qemu-img resize -q d.qcow2 2M
run strata amend -o compat=0.10 d.qcow2
show qemu-img check -q d.qcow2
