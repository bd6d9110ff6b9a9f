# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 2M
pattern a.raw 65536 4096 65
pattern a.raw 131072 65536 0
pattern a.raw 1048576 512 66
for size in 0 512 4k 64k 1M 2M; do
  run strata convert -S "$size" -f raw -O qcow2 a.raw a.qcow2
  allocation qcow2 a.qcow2
  same a.raw raw a.qcow2 qcow2
done
run strata convert -f raw -O qcow2 a.raw a.qcow2
allocation qcow2 a.qcow2
run strata convert -S 4k -f raw -O qcow2 -o cluster_size=4k a.raw b.qcow2
allocation qcow2 b.qcow2
run strata convert -S 64k -f raw -O qcow2 -o cluster_size=4k a.raw b.qcow2
allocation qcow2 b.qcow2
run strata convert -c -S 0 -f raw -O qcow2 a.raw c.qcow2
allocation qcow2 c.qcow2
run strata convert -S 0 -f raw -O raw a.raw d.raw
run cmp a.raw d.raw
allocation raw d.raw
run strata convert -S 0 -f raw -O qcow2 -o preallocation=metadata a.raw e.qcow2
same a.raw raw e.qcow2 qcow2
