# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 2M
run strata create -f qed a.qed 10M
run strata create -f qed -o cluster_size=4k,table_size=1 b.qed 10M
run strata create -f qed -b base.raw -F raw c.qed
run strata info c.qed
run strata create -f qed -b a.qed -F qed d.qed 20M
run strata info --backing-chain d.qed
run strata create -f qed -o cluster_size=1000 e.qed 1M
run strata create -f qed -o cluster_size=2k e.qed 1M
run strata create -f qed -o table_size=3 e.qed 1M
run strata create -f qed -o table_size=32 e.qed 1M
run strata create -f qed -o cluster_size=4k,table_size=1 e.qed 2T
run strata create -f qed e.qed 70T
run strata create -f qed -o preallocation=metadata e.qed 1M
run strata create -f qed -b missing.raw -F raw e.qed

run strata create -f qed -o static=on e.qed 1M
run strata create -f qed g.qed 0
run strata create -f qed h.qed 1000
run strata info h.qed
run strata info --output=json a.qed
run strata map a.qed
run strata map d.qed
run strata create -f qed j.qed
run strata create -f qed -o help
