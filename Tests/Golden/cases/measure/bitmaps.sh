# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1G
qemu-img bitmap --add a.qcow2 one
qemu-img bitmap --add --disable -g 4k a.qcow2 two
qemu-img bitmap --add -g 512 a.qcow2 "$(printf 'long%.0s' {1..255})"
run strata measure -O qcow2 a.qcow2
run strata measure -O qcow2 --output=json a.qcow2
for size in 512 4k 2M; do run strata measure -O qcow2 -o cluster_size=$size a.qcow2; done
run strata measure -O qcow2 -o compat=0.10 a.qcow2
run strata measure -O raw a.qcow2
