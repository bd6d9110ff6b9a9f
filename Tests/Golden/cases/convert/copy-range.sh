# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
run strata convert -C -f raw -O raw a.raw b.raw
run cmp a.raw b.raw
run strata convert -C -f raw -O qcow2 a.raw b.qcow2
same a.raw raw b.qcow2 qcow2
run strata convert -C -O raw b.qcow2 c.raw
run cmp a.raw c.raw
run strata convert -C -S 4k -f raw -O raw a.raw d.raw
run strata convert -C -S 0 -f raw -O raw a.raw d.raw
run strata convert -C -c -f raw -O qcow2 a.raw d.qcow2
run strata convert -C -W -m 2 -f raw -O raw a.raw e.raw
run cmp a.raw e.raw
