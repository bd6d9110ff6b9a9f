# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern base.raw 0 1M 65
qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2 2M
run strata compare -f raw -F qcow2 base.raw a.qcow2
run strata compare -f qcow2 -F raw a.qcow2 base.raw
pattern b.raw 0 1M 65
blank b.raw 2M
run strata compare -f raw -F qcow2 b.raw a.qcow2
run strata compare -f raw -F qcow2 b.raw a.qcow2
