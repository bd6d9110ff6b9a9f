# beyond the peer: it makes no image shorter, and mends neither duplicates nor leaks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
run strata measure -f raw -O qed a.raw
run strata measure -O qed -o preallocation=full --size 10M
qemu-img convert -f raw -O qed a.raw a.qed
run strata resize a.qed 300G
run strata resize a.qed 100M
run strata resize --shrink a.qed 4M
run strata resize a.qed 70T
run strata resize --preallocation=full a.qed 5M
run strata resize --shrink a.qed 4M
same a.raw raw a.qed qed
run strata inspect a.qed
run strata map --output=json a.qed

pattern b.raw 0 4M 5
qemu-img convert -f raw -S 0 -O qed b.raw b.qed
bytes b.qed 2424840 00 00 0a
run strata check b.qed
run strata check -r leaks b.qed
run strata check -r all b.qed
run strata check b.qed
