# beyond the peer: newer releases accept --quiet everywhere
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create
run strata create -f qcow2
run strata create a.raw
run strata create -f qcow2 a.qcow2
run strata create a.raw 1M more
run strata create a.raw 1M 2M
run strata create a.raw 1x more
run strata create -f
run strata create -f frob a.raw 1M
run strata create -f '' a.raw 1M
run strata create -f QCOW2 a.qcow2 1M
run strata create --frob a.raw 1M
run strata create -Z a.raw 1M
run strata create -6 a.raw 1M
run strata create -p a.raw 1M
run strata create --image-opts driver=raw 1M
run strata create --qui a.raw 1M
run strata create --quiet=yes a.raw 1M
run strata create --object
run strata create --object frob,id=x b.raw 1M
run strata create --object secret b.raw 1M
run strata create --object secret,id=x b.raw 1M
run strata create --object secret,id=x,data=abc c.raw 1M
present a.raw b.raw
