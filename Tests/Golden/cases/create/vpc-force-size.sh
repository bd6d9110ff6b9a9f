# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for size in 0 1000 1M 64M 1G 127G 2040G; do
  run strata create -f vpc -o force_size=on a.vpc $size
  run strata info a.vpc
  run strata create -q -f vpc -o force_size=off b.vpc $size
  run strata info b.vpc
done
run strata create -q -f vpc -o force_size=on large.vpc 2041G
run strata create -f vpc -o subformat=fixed,force_size=on c.vpc 10M
run strata info -f vpc c.vpc
run strata info -f vpc --output=json c.vpc
run strata create -q -f vpc -o subformat=fixed,force_size=off d.vpc 10M
run strata info -f vpc d.vpc
run strata create -q -f vpc -o subformat=frob e.vpc 1M
run strata create -f vpc -o force_size=maybe e.vpc 1M
run strata create -q -f vpc -o force_size=on,preallocation=metadata e.vpc 1M
run strata create -f vpc -o cluster_size=64k e.vpc 1M
run strata create -f vpc e.vpc
