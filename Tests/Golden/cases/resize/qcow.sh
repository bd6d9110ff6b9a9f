# beyond the peer: it resizes, measures, checks and rebases none, and exits 1 where it compressed
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
run strata measure -f raw -O qcow a.raw
run strata measure -O qcow -o preallocation=full --size 10M
run strata convert -c -f raw -O qcow a.raw a.qcow
same a.raw raw a.qcow qcow
run strata map a.qcow
run strata map --output=json a.qcow
run strata check a.qcow
run strata resize a.qcow 3G
run strata check a.qcow
run strata resize a.qcow 100M
run strata resize --shrink a.qcow 4M
run strata resize a.qcow 600T
run strata resize --preallocation=full a.qcow 5M
run strata resize --shrink a.qcow 4M
same a.raw raw a.qcow qcow
run strata inspect a.qcow
run strata rebase -u -b a.raw -F raw a.qcow
run strata info a.qcow
run strata rebase -u -b '' a.qcow
run strata info a.qcow
same a.raw raw a.qcow qcow

pattern b.raw 0 1M 5
qemu-img convert -f raw -S 0 -O qcow b.raw b.qcow
bytes b.qcow 4104 00 00 00 00 00 00 20 00
bytes b.qcow 4112 00 00 00 00 00 00 00 00
run strata check b.qcow
run strata check -r leaks b.qcow
run strata check -r all b.qcow
run strata check b.qcow
run strata resize b.qcow +1000
