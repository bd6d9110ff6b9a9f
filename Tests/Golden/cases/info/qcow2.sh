# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for options in compat=0.10 compat=1.1 cluster_size=512 lazy_refcounts=on refcount_bits=1 refcount_bits=64 \
  extended_l2=on compression_type=zstd; do
  note "$options"
  qemu-img create -q -f qcow2 -o "$options" a.qcow2 10M
  run strata info a.qcow2
  run strata info --output=json a.qcow2
done
