# beyond the peer: it can neither verify nor tell a checksum
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

noise a.raw 0 307200
noise a.raw 20M 102400
blank a.raw 40M
run strata convert --verify -f raw -O qcow2 a.raw a.qcow2
run strata convert --verify --checksum -f qcow2 -O qcow2 -c a.qcow2 b.qcow2
run strata checksum b.qcow2
run strata convert -p --checksum -f qcow2 -O raw b.qcow2 b.raw
cmp a.raw b.raw
qemu-img create -q -f qcow2 c.qcow2 50M
run strata convert -n --verify -f raw -O qcow2 a.raw c.qcow2
same a.raw raw c.qcow2 qcow2
run strata convert --verify --checksum -f raw -O raw a.raw a.raw d.raw
run strata checksum -f raw d.raw
qemu-img create -q -f qcow2 e.qcow2 50M
qemu-io -f qcow2 -c 'write -q 10M 1M' e.qcow2
note "a target that is said to be zero and is not"
run strata convert -n --target-is-zero --verify -f raw -O qcow2 a.raw e.qcow2
