# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 1M
for size in 2M +1M ++1M +0 3.5M 0x400000 +0x10 1000000 frob +frob '' + +-1M .5M 5x 16E +16E 8E +8E -8E +7E -7E 64P; do
  run strata resize a.qcow2 "$size"
done
run strata resize --shrink a.qcow2 0x100k
run strata resize --shrink a.qcow2 1000
run strata resize --shrink a.qcow2 0
run strata resize --shrink a.qcow2 -1M
run strata resize --shrink a.qcow2 -512
run strata resize --shrink a.qcow2 1536
note "length $(number a.qcow2 24 8)"
run strata check -q a.qcow2
blank a.raw 1000000
run strata resize -f raw a.raw +1
size_of a.raw
run strata resize -f raw a.raw 7E
run strata resize -f raw --shrink a.raw 1
size_of a.raw
