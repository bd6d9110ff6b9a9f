# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f parallels a.hds 10M
run strata info a.hds
run strata info --output=json a.hds
run strata map a.hds
run strata check a.hds
run strata create -f parallels -o cluster_size=32256 b.hds 10M
run strata create -f parallels -o cluster_size=1000 c.hds 10M
size_of a.hds b.hds c.hds
run strata create -f parallels -o cluster_size=0 d.hds 1M
run strata create -f parallels -o cluster_size=2G d.hds 1M
run strata create -f parallels -o cluster_size=2147483647 d.hds 1M
run strata create -f parallels -o cluster_size=abc d.hds 1M
run strata create -f parallels -o cluster_size=512 d.hds 3T
run strata create -f parallels -o preallocation=metadata d.hds 1M
run strata create -f parallels -b a.hds -F parallels d.hds
run strata create -f parallels -o static=on d.hds 1M
run strata create -f parallels d.hds
run strata create -f parallels e.hds 0
run strata create -f parallels f.hds 1000
run strata info f.hds
run strata create -f parallels -o help
