# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for options in cluster_size=512 cluster_size=4k cluster_size=2M extended_l2=on extended_l2=on,cluster_size=2M compat=0.10 \
  refcount_bits=1 refcount_bits=64 refcount_bits=64,cluster_size=512 preallocation=full preallocation=metadata \
  preallocation=falloc lazy_refcounts=on backing_file=x data_file=x data_file=x,data_file_raw=on compression_type=zstd \
  size=5M nope=1 help cluster_size=513 refcount_bits=5 ,a=b; do
  run strata measure --size 10G -O qcow2 -o $options
done
run strata measure --size 1T -O qcow2 -o cluster_size=512
run strata measure --size 1000T -O qcow2 -o cluster_size=2M
