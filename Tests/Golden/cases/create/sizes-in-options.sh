# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 1M 1.5M 0x1000 0 1x 1.5 -1 '' 16E 18446744073709551616 1kb junk; do
  run strata create -f raw -o "size=$size" a.raw
done
for size in 16P 1000 3 511.5k; do
  run strata create -f qcow2 -o "size=$size" a.qcow2
done
