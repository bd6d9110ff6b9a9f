# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
run strata convert -f raw -O vdi a.raw a.vdi
same a.raw raw a.vdi vdi
run strata check a.vdi
run strata check --output=json a.vdi
run strata convert -O raw a.vdi b.raw
same a.raw raw b.raw raw
run strata convert -c -f raw -O vdi a.raw c.vdi
run strata convert -f raw -O vdi -B a.vdi -F vdi a.raw d.vdi
run strata snapshot -c s a.vdi
run strata snapshot -l a.vdi
run strata amend -o static=on a.vdi
run strata bitmap --add a.vdi b
run strata rebase -u -b a.raw -F raw a.vdi
run strata commit a.vdi
