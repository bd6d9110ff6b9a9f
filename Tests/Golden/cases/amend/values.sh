# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f qcow2 -o compat=0.10 b.qcow2 1M
for option in cluster_size=64k cluster_size=frob preallocation=full compression_type=zstd extended_l2=on \
  encryption=on encrypt.format=luks encrypt.key-secret=s encrypt.state=active encrypt.frob=x \
  refcount_bits=3 refcount_bits=0 refcount_bits=128 refcount_bits=frob lazy_refcounts=frob compat=frob compat \
  size size=frob size=1000 size=-1 size=8E data_file=x data_file= data_file_raw=on \
  backing_file=b backing_file= backing_fmt=qcow2 compat=0.10,lazy_refcounts=on compat=0.10,refcount_bits=8 \
  data_file_raw=on,data_file=x compat=frob,refcount_bits=3 refcount_bits=3,size=1000 encrypt.state=x,compat=frob; do
  run strata amend -o "$option" a.qcow2
done
for option in refcount_bits=8 lazy_refcounts=on; do run strata amend -o "$option" b.qcow2; done
run strata info a.qcow2
for option in size=0 data_file_raw=off compat=v3 refcount_bits=16 nolazy_refcounts; do
  run strata amend -o "$option" a.qcow2
done
for option in compat=v2 refcount_bits=16 lazy_refcounts=off; do run strata amend -o "$option" b.qcow2; done
run strata info a.qcow2
run strata info b.qcow2
