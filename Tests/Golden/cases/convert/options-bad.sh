# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
for options in cluster_size=3 cluster_size=junk compat=2 refcount_bits=3 lazy_refcounts=maybe frob=1 frob '' , \
  preallocation=junk compression_type=lzo compat=v2,compression_type=zstd encrypt.format=luks encryption=on \
  data_file_raw=on; do
  run strata convert -f raw -O qcow2 -o "$options" a.raw a.qcow2
done
run strata convert -f raw -O raw -o cluster_size=4k a.raw b.raw
run strata convert -f raw -O raw -o preallocation=metadata a.raw b.raw
present a.qcow2
