# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank hole.raw 1M
run strata map -f raw hole.raw
pattern full.raw 0 1M 65
run strata map -f raw full.raw
blank sparse.raw 4M
pattern sparse.raw 1048576 1048576 65
run strata map -f raw sparse.raw
blank none.raw 0
run strata map -f raw none.raw
pattern odd.raw 0 1000 65
run strata map -f raw odd.raw
