# beyond the peer: a failed creation leaves an existing image as it was
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for compat in 0.10 1.1 v2 v3 2 3 0.1 1.0 '' V3 frob; do
  run strata create -f qcow2 -o "compat=$compat" a.qcow2 1M
done
run strata create -f qcow2 -o compat=0.10,lazy_refcounts=on a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,refcount_bits=8 a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,refcount_bits=16 a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,extended_l2=on a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,compression_type=zstd a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,compression_type=zlib a.qcow2 1M
run strata create -f qcow2 -o compat=0.10,data_file=d.raw a.qcow2 1M
run strata info a.qcow2
