# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
run strata check -r leaks a.qcow2
run strata check -r all a.qcow2
run strata check -q -r all a.qcow2
run strata check --output=json -r all a.qcow2
run strata check -U -r all a.qcow2
