# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 1M
run strata amend -o size=3M a.qcow2
run strata amend -o size=512k,lazy_refcounts=on a.qcow2
run strata info a.qcow2
run strata amend -o size=1E a.qcow2
qemu-img create -q -f qcow2 -o compat=0.10 b.qcow2 1M
qemu-img snapshot -c one b.qcow2
run strata amend -o size=2M b.qcow2
run strata amend -o size=2M,compat=1.1 b.qcow2
hold a.qcow2 -f qcow2
run strata amend -o size=1M a.qcow2
release
for image in a b; do qemu-img check -q "$image.qcow2" || note "$image is damaged"; done
