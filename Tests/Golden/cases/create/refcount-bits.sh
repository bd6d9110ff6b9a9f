# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for bits in 1 2 4 8 16 32 64; do
  run strata create -f qcow2 -o "refcount_bits=$bits" a.qcow2 1M
done
for bits in 0 3 7 24 65 128 -1 x '' 16k 0x10 1.5; do
  run strata create -f qcow2 -o "refcount_bits=$bits" b.qcow2 1M
done
