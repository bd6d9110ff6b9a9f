# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
note 'holes in clusters that are in use: too few to be looked for, then many'
qemu-img create -q -f qcow2 a.qcow2 4M
qemu-io -f qcow2 -c 'write -P 1 0 2560k' a.qcow2 >/dev/null
first=$((5 * 65536))
fallocate -p -o $first -l 64K a.qcow2
run strata map a.qcow2
run strata measure -O qcow2 a.qcow2
fallocate -p -o $((first + 65536)) -l 1M a.qcow2
run strata map a.qcow2
run strata measure -O qcow2 a.qcow2
