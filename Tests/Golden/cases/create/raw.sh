# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create a.raw 1M
size_of a.raw
run strata create -f raw b.raw 1M
run strata create -f raw c.raw 0
size_of c.raw
run strata create -f raw d.raw 1
size_of d.raw
run strata create -f raw e.raw 513
size_of e.raw
run strata create -q f.raw 1M
run strata create g.qcow2 1M
size_of g.qcow2
run strata create -f raw -o size=2M h.raw
run strata create -f raw -o size=2M i.raw 1M
size_of i.raw
