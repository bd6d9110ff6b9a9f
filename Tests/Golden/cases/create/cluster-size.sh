# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 512 1k 4096 64k 65536 1M 2M 2048k; do
  run strata create -f qcow2 -o "cluster_size=$size" a.qcow2 1M
done
for size in 0 1 256 511 513 1000 65535 3M 4M 8G -1 x '' 64kb 1.5k; do
  run strata create -f qcow2 -o "cluster_size=$size" b.qcow2 1M
done
present b.qcow2
