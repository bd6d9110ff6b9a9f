# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 0 1 511 512 1000 65537; do
  pattern a.raw 0 "$size" 65
  run strata convert -f raw -O qcow2 a.raw a.qcow2
  run strata convert -f qcow2 -O raw a.qcow2 b.raw
  run strata convert -f raw -O raw a.raw c.raw
  size_of a.raw b.raw c.raw
  allocation qcow2 a.qcow2
  rm a.raw
done
