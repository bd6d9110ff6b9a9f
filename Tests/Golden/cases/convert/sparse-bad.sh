# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 64K
for size in junk '' -1 1 511 1000 1.5 3G 8E 16E 512.5; do
  run strata convert -S "$size" -f raw -O raw a.raw b.raw
done
run strata convert -S
run strata convert -S 1536 -f raw -O raw a.raw c.raw
run strata convert -S 0x400 -f raw -O raw a.raw d.raw
present b.raw
