# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
run strata convert -c -f raw -O raw a.raw b.raw
run strata convert -c a.raw b.raw
run strata convert -c -f raw -O qcow2 -o preallocation=metadata a.raw b.qcow2
run strata convert -c -f raw -O qcow2 -o preallocation=full a.raw b.qcow2
run strata convert -c -f raw -O qcow2 -o preallocation=off a.raw b.qcow2
run strata convert -c -C -f raw -O qcow2 a.raw c.qcow2
blank d.raw 64K
run strata convert -c -n -f raw -O raw a.raw d.raw
present b.raw c.qcow2
