# beyond the peer: a field "compressed", as newer releases have
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 1M 65
qemu-img create -q -f qcow2 a.qcow2 2M
qemu-img convert -n --target-is-zero -f raw -O qcow2 a.raw a.qcow2
run strata map --output=json --start-offset=64k a.qcow2
run strata map --output=json --start-offset=1000k --max-length=64k a.qcow2
run strata map --output=json --max-length=1000 a.qcow2
run strata map --output=json --start-offset=1 --max-length=1 a.qcow2
run strata map --output=json --max-length=0 a.qcow2
run strata map --output=json --start-offset=2M a.qcow2
