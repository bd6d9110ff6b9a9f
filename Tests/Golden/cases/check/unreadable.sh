# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
chmod 0 a.qcow2
run without_override strata check a.qcow2
run without_override strata check --output=json a.qcow2
chmod 444 a.qcow2
run without_override strata check a.qcow2
