# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 10M
qemu-img bitmap --add -g 512 a.qcow2 one
qemu-img bitmap --add --disable -g 4k a.qcow2 two
qemu-io -c 'write 9M 1M' a.qcow2 >/dev/null
run strata resize a.qcow2 1G
run strata info a.qcow2
run qemu-img check -q a.qcow2
run strata resize --shrink a.qcow2 9728k
run strata info a.qcow2
run qemu-img check -q a.qcow2
run strata resize -f qcow2 --preallocation=metadata a.qcow2 20M
run qemu-img check -q a.qcow2
