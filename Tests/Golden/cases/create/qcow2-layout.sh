# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The header, tables and length of a fresh image, as the peer lays them out.
for options in compat=1.1 compat=0.10 cluster_size=512 cluster_size=2M refcount_bits=1 refcount_bits=64 \
  lazy_refcounts=on extended_l2=on compression_type=zstd; do
  note "$options"
  strata create -q -f qcow2 -o "$options" a.qcow2 1M
  size_of a.qcow2
  od -Ax -tx1 -N 112 a.qcow2
  rm a.qcow2
done
