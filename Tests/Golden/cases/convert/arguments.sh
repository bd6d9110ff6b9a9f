# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 64K 65
run strata convert
run strata convert a.raw
run strata convert -f raw
run strata convert -O
run strata convert --frob a.raw b.raw
run strata convert -Z a.raw b.raw
run strata convert -6 a.raw b.raw
run strata convert -U -f raw -O raw a.raw b.raw
run strata convert --force-share -f raw -O raw a.raw b.raw
run strata convert --object secret,id=s,data=x -f raw -O raw a.raw b.raw
run strata convert --object frob,id=s -f raw -O raw a.raw b.raw
run strata convert --skip-broken-bitmaps -f raw -O qcow2 a.raw b.qcow2
run strata convert --bitmaps -f raw -O qcow2 a.raw b.qcow2
run strata convert --bitmaps -f raw -O raw a.raw b.raw
run strata convert --salvage=1 a.raw b.raw
run strata convert --target-is a.raw b.raw
run strata convert -qf raw -Oraw a.raw c.raw
run strata convert a.raw -f raw d.raw -O raw
run cmp a.raw d.raw
