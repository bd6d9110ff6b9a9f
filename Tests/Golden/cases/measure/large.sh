# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'sizes that a full image of so small clusters cannot reach, and the last that have an L1 table'
for size in 64G 128G 129G; do run strata measure -O qcow2 -o cluster_size=512 --size $size; done
for size in 512G 513G; do run strata measure -O qcow2 -o cluster_size=1k,refcount_bits=64 --size $size; done
for size in 2T 2049G; do run strata measure -O qcow2 -o cluster_size=2k --size $size; done
run strata measure -O qcow2 -o cluster_size=16k,extended_l2=on --size 64T
run strata measure -O qcow2 -o cluster_size=64k,refcount_bits=64 --size 1P
run strata measure -O qcow2 -o cluster_size=2M --size 7E
