# beyond the peer: it has no hints and no JSON for failures
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f qcow2 -u -b missing.qcow2 -F qcow2 b.qcow2 1M
run strata inf a.qcow2
run strata info --formt qcow2 a.qcow2
run strata map b.qcow2
run strata map --output=json b.qcow2
run strata convert --output=json b.qcow2 c.raw
run strata compare --output=json a.qcow2 a.qcow2
run strata info --untrusted a.qcow2
run strata map --untrusted b.qcow2
run strata convert --untrusted -O raw b.qcow2 c.raw
run env STRATA_UNTRUSTED=1 strata info --backing-chain b.qcow2
present c.raw
