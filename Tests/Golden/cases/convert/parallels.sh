# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
run strata convert -f raw -O parallels a.raw a.hds
same a.raw raw a.hds parallels
run strata check a.hds
run strata check --output=json a.hds
run strata convert -f raw -O parallels -o cluster_size=32256 a.raw b.hds
same a.raw raw b.hds parallels
run strata check b.hds
run strata convert -O raw a.hds b.raw
same a.raw raw b.raw raw
run strata convert -O qcow2 b.hds b.qcow2
same a.raw raw b.qcow2 qcow2
run strata compare a.hds b.hds
run strata convert -c -f raw -O parallels a.raw c.hds
run strata convert -f raw -O parallels -B a.hds -F parallels a.raw d.hds
run strata snapshot -c s a.hds
run strata snapshot -l a.hds
run strata amend -o cluster_size=2M a.hds
run strata rebase -u -b a.raw -F raw a.hds
run strata commit a.hds
run strata bitmap --add a.hds b
