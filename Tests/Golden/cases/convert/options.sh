# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
for options in cluster_size=4k compat=0.10 refcount_bits=1 lazy_refcounts=on extended_l2=on compression_type=zstd \
  preallocation=metadata preallocation=falloc preallocation=full cluster_size=512,compat=v2; do
  run strata convert -f raw -O qcow2 -o "$options" a.raw a.qcow2
  same a.raw raw a.qcow2 qcow2
done
run strata convert -f raw -O raw -o preallocation=full a.raw b.raw
run cmp a.raw b.raw
run strata convert -f raw -O qcow2 -o cluster_size=4k -o compat=v2 a.raw a.qcow2
run strata info a.qcow2
run strata convert -f raw -O qcow2 -o size=2M a.raw c.qcow2
run strata info c.qcow2
run strata convert -f raw -O qcow2 -o size=64k a.raw d.qcow2
run strata info d.qcow2
