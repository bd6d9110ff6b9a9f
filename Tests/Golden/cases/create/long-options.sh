# beyond the peer: the long names of QEMU 10.2
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank base.raw 1M
run strata create --format qcow2 --options cluster_size=4k a.qcow2 1M
run strata create --format=qcow2 --backing=base.raw --backing-format=raw b.qcow2
run strata create --quiet --format=qcow2 -b base.raw -B raw c.qcow2
run strata create --format=qcow2 --backing missing.raw --backing-format raw --backing-unsafe d.qcow2 1M
run strata create --format
run strata create --backing-unsafe=1 e.qcow2
