# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
pattern a.raw 65536 65536 65
pattern a.raw 500000 1000 66
run strata convert -f raw -O qcow2 a.raw a.qcow2
same a.raw raw a.qcow2 qcow2
run strata check a.qcow2
allocation qcow2 a.qcow2
run strata convert -f qcow2 -O raw a.qcow2 b.raw
run cmp a.raw b.raw
run strata convert a.qcow2 c.raw
run cmp a.raw c.raw
run strata convert -O qcow2 a.raw d.qcow2
same a.raw raw d.qcow2 qcow2
run strata convert -f raw -O raw a.qcow2 e.qcow2
run cmp a.qcow2 e.qcow2
run strata convert -q -O qcow2 a.raw f.qcow2
run strata convert -O qcow2 a.qcow2 g.qcow2
allocation qcow2 g.qcow2
