# beyond the peer: newer releases accept --quiet everywhere
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -f qcow2 a.qcow2 1M
run strata info a.qcow2
run strata create -f qcow2 a.qcow2 2M
run strata info a.qcow2
run strata create -q -f qcow2 b.qcow2 0
run strata info b.qcow2
run strata create -f qcow2 -o size=3M c.qcow2
run strata create -f qcow2 -o size=3M c.qcow2 4M
run strata create -f qcow2 d.qcow2 1000
run strata info d.qcow2
run strata create -f qcow2 e.qcow2 1T
run strata create --quiet -f qcow2 f.qcow2 1M
run strata create -fqcow2 -ocluster_size=4k g.qcow2 1M
run strata create h.qcow2 1M -f qcow2
run strata create -f qcow2 -- -i.qcow2 1M
