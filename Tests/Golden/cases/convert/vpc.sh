# beyond the peer: it neither checks nor resizes, and takes a fixed disk for a raw one
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 6M
pattern a.raw 0 3M 7
pattern a.raw 5M 1000 8
run strata convert -f raw -O vpc a.raw a.vpc
same a.raw raw a.vpc vpc
run strata check a.vpc
run strata check --output=json a.vpc
run strata map --output=json a.vpc
run strata convert -O raw a.vpc b.raw
same a.raw raw b.raw raw
run strata convert -f raw -O vpc -o subformat=fixed a.raw f.vpc
run strata convert -O raw f.vpc c.raw
same a.raw raw c.raw raw
run strata check f.vpc
run strata convert -f raw -O vpc -o force_size=off a.raw g.vpc
run strata compare -f raw a.raw g.vpc
qemu-img convert -f raw -O vpc a.raw theirs.vpc
run strata check theirs.vpc
run strata convert -c -f raw -O vpc a.raw d.vpc
run strata convert -f raw -O vpc -B a.vpc -F vpc a.raw d.vpc
run strata info d.vpc
run strata map --output=json d.vpc
same a.raw raw d.vpc vpc
run strata snapshot -c s a.vpc
run strata snapshot -l a.vpc
run strata amend -o force_size=on a.vpc
run strata bitmap --add a.vpc b
run strata measure -f raw -O vpc a.raw
run strata measure -O vpc -o subformat=fixed --size 10M
run strata measure -O vpc --size 2T
