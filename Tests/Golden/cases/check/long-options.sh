# beyond the peer: the long names of QEMU 10.2
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata check --format qcow2 a.qcow2
run strata check --quiet --format=qcow2 a.qcow2
run strata check --repair=frob a.qcow2
