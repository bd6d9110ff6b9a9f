# beyond the peer: it opens files until there are no descriptors left (X-03, G-03)
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -u -f qcow2 -b self.qcow2 -F qcow2 other.qcow2 1M
mv other.qcow2 self.qcow2
blank a.raw 1M
run strata info self.qcow2
run strata info --backing-chain self.qcow2
run timeout 10 strata map self.qcow2
run timeout 10 strata check self.qcow2
run timeout 10 strata convert self.qcow2 b.raw
run timeout 10 strata compare self.qcow2 a.raw
run timeout 10 strata create -f qcow2 -b self.qcow2 -F qcow2 c.qcow2
present b.raw c.qcow2
