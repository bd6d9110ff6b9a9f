# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 1M
blank a.raw 1M
for action in add remove clear enable disable; do run strata bitmap --$action old.qcow2 one; done
run strata bitmap --merge one old.qcow2 two
for action in add remove clear enable disable; do run strata bitmap --$action -f raw a.raw one; done
run strata bitmap --merge one -f raw a.raw two
run strata bitmap --add a.raw one
qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 1E
for size in 512 64k 128M 256M 2G; do run strata bitmap --add -g $size huge.qcow2 $size; done
run strata info huge.qcow2
run strata check -q huge.qcow2
