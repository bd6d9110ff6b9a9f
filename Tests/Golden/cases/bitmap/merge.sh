# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
qemu-img create -q -f qcow2 a.qcow2 10M
qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 -o cluster_size=4k b.qcow2
qemu-img create -q -f qcow2 c.qcow2 20M
blank a.raw 10M
for image in a b c; do qemu-img bitmap --add -g 4k $image.qcow2 one; done
qemu-io -c 'write 1M 70k' a.qcow2 >/dev/null
qemu-io -c 'write 5M 1k' b.qcow2 >/dev/null
run strata bitmap --add -g 1M --merge one --disable a.qcow2 two
run strata bitmap --add -g 512 --merge one --merge two a.qcow2 three
run strata bitmap --merge one a.qcow2 one
run strata bitmap --merge nobody a.qcow2 one
run strata bitmap --merge one a.qcow2 nobody
run strata bitmap --merge nobody a.qcow2 nobodyelse
run strata bitmap --merge one -b b.qcow2 -F qcow2 a.qcow2 two
run strata bitmap --merge one -b b.qcow2 a.qcow2 three
run strata bitmap --add --merge three -b a.qcow2 -F qcow2 b.qcow2 four
run strata bitmap --merge one -b c.qcow2 -F qcow2 a.qcow2 two
run strata bitmap --merge one -b a.raw a.qcow2 two
run strata bitmap --merge one -b b.qcow2 -F raw a.qcow2 two
run strata bitmap --add --merge nobody -b b.qcow2 a.qcow2 half
run strata info a.qcow2
run strata info b.qcow2
run qemu-img check -q a.qcow2
run qemu-img check -q b.qcow2
