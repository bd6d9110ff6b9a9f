# beyond the peer: it cannot do any of this
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
qemu-img convert -f raw -O vpc -o force_size=on a.raw a.vpc
run strata resize a.vpc 200M
run strata resize a.vpc 300G
run strata check a.vpc
run strata resize a.vpc 100M
run strata resize --shrink a.vpc 4M
run strata check a.vpc
same a.raw raw a.vpc vpc
run strata resize a.vpc 2041G
run strata resize --preallocation=metadata a.vpc 5M
run strata resize --preallocation=full a.vpc 9M
run strata map --output=json a.vpc
qemu-img convert -f raw -O vpc -o force_size=on,subformat=fixed a.raw f.vpc
run strata resize -f vpc f.vpc 10M
run strata check f.vpc
run strata resize --shrink f.vpc 4M
same a.raw raw f.vpc vpc
run strata check f.vpc
qemu-img create -q -f vpc g.vpc 1M
run strata resize g.vpc 2M
run strata info g.vpc

pattern b.raw 0 8M 5
qemu-img convert -f raw -S 0 -O vpc -o force_size=on b.raw b.vpc
bytes b.vpc 1536 00 00 10 05
bytes b.vpc 1544 ff ff ff ff
run strata check b.vpc
run strata check -r leaks b.vpc
run strata check -r all b.vpc
run strata check b.vpc
