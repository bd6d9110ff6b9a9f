# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
for mode in none writeback writethrough directsync unsafe off; do
  run strata convert -t "$mode" -f raw -O qcow2 a.raw b.qcow2
  run strata convert -T "$mode" -f raw -O raw a.raw b.raw
  run cmp a.raw b.raw
done
for mode in '' frob NONE write-back; do
  run strata convert -t "$mode" -f raw -O raw a.raw c.raw
  run strata convert -T "$mode" -f raw -O raw a.raw c.raw
done
