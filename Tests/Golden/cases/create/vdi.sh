# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f vdi a.vdi 10M
run strata create -f vdi -o static=on b.vdi 10M
run strata create -f vdi -o static=maybe c.vdi 10M
run strata create -f vdi -o preallocation=metadata d.vdi 10M
run strata create -f vdi -o preallocation=frob d.vdi 10M
run strata create -f vdi -b a.vdi -F vdi e.vdi 10M
run strata create -f vdi f.vdi 600T
run strata create -f vdi g.vdi 0
run strata create -f vdi h.vdi 1000
run strata info h.vdi
run strata info --output=json a.vdi
run strata map a.vdi
run strata create -f vdi -o cluster_size=64k i.vdi 1M
run strata create -f vdi j.vdi
