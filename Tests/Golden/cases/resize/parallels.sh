# beyond the peer: it resizes and measures none, and mends neither duplicates nor a wrong offset of the first cluster
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
run strata measure -f raw -O parallels a.raw
run strata measure -O parallels -o preallocation=full --size 10M
run strata measure -O parallels -o cluster_size=0 --size 10M
qemu-img convert -f raw -O parallels a.raw a.hds
run strata resize a.hds 3T
run strata check a.hds
run strata resize a.hds 100M
run strata resize --shrink a.hds 4M
run strata resize --preallocation=full a.hds 5M
run strata resize --shrink a.hds 4M
run strata resize a.hds 7E
same a.raw raw a.hds parallels
run strata inspect a.hds
run strata map --output=json a.hds

pattern b.raw 0 4M 5
qemu-img convert -f raw -S 0 -O parallels b.raw b.hds
bytes b.hds 64 02
run strata check b.hds
run strata check -r leaks b.hds
run strata check -r all b.hds
run strata check b.hds
bytes b.hds 48 01 00
run strata check -r all b.hds
same b.raw raw b.hds parallels
run strata resize b.hds +1000
