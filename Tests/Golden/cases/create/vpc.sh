# beyond the peer: sizes are exact unless force_size=off; it has no parents and no target
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f vpc a.vpc 10M
run strata info a.vpc
run strata info --output=json a.vpc
run strata create -f vpc -o force_size=off b.vpc 10M
run strata info b.vpc
run strata create -f vpc -o force_size=off,subformat=fixed c.vpc 1M
run strata info c.vpc
run strata create -f vpc -o subformat=fixed d.vpc 10M
run strata info d.vpc
run strata create -f vpc -o target=azure e.vpc 30000000
run strata info e.vpc
run strata create -f vpc -o target=azure e.vpc 1M
run strata create -f vpc -o target=azure e.vpc 33T
run strata create -f vpc -o target=azure,subformat=dynamic e.vpc 1G
run strata create -f vpc -o target=moon e.vpc 1G
run strata create -f vpc -o subformat=frob e.vpc 1M
run strata create -f vpc -o preallocation=metadata e.vpc 1M
run strata create -f vpc f.vpc 2040G
run strata create -f vpc f.vpc 2041G
run strata create -f vpc g.vpc 0
run strata info g.vpc
run strata create -f vpc h.vpc 1000
run strata info h.vpc
run strata create -f vpc -o cluster_size=64k i.vpc 1M
run strata create -f vpc j.vpc
run strata create -f vpc -o help
run strata create -f vpc -b a.vpc -F vpc child.vpc
run strata create -f vpc -b child.vpc -F vpc grandchild.vpc 20M
run strata info --backing-chain grandchild.vpc
blank r.raw 1M
run strata create -f vpc -b r.raw -F raw k.vpc
run strata create -f vpc -b a.vpc -F vpc -o subformat=fixed k.vpc
run strata create -f vpc -b a.vpc k.vpc
run strata create -f vpc -b missing.vpc -F vpc k.vpc
