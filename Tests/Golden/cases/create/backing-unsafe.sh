# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

run strata create -u -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2 1M
run strata create -u -f qcow2 -b missing.qcow2 -F qcow2 a.qcow2
run strata create -u -f qcow2 -b missing.qcow2 b.qcow2 1M
run strata create -u -f qcow2 -b missing.qcow2 -F frob b.qcow2 1M
blank base.raw 1M
run strata create -u -f qcow2 -b base.raw -F raw c.qcow2
run strata create -u -f qcow2 -b base.raw -F raw c.qcow2 1M
run strata create -u -f qcow2 c.qcow2 1M
run strata create -u -f qcow2 c.qcow2
