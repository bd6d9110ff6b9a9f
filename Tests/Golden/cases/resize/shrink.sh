# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 a.qcow2 4M
for size in 1M -1M; do
  run strata resize a.qcow2 "$size"
  run strata resize a.qcow2 -q "$size"
done
note "length $(number a.qcow2 24 8)"
run strata resize --shrink a.qcow2 -1M
run strata resize --shrink --preallocation=off a.qcow2 2M
run strata resize --shrink --preallocation=metadata a.qcow2 1M
run strata resize --preallocation=full a.qcow2 1M
run strata resize --preallocation=falloc a.qcow2 2M
note "length $(number a.qcow2 24 8)"
blank a.raw 1M
pattern a.raw 0 1048576 7
run strata resize -f raw a.raw 512k
run strata resize -f raw --shrink --preallocation=full a.raw 512k
run strata resize -f raw --shrink a.raw 512k
run strata resize -f raw a.raw 1M
allocation raw a.raw
# What comes back reads as zero.
qemu-img convert -f raw -O qcow2 a.raw b.qcow2
pattern a.raw 524288 524288 9
qemu-img convert -f raw -O qcow2 a.raw b.qcow2
run strata resize --shrink b.qcow2 600k
run strata resize b.qcow2 1M
allocation qcow2 b.qcow2
run strata check -q b.qcow2
note "at most 1 MiB: $(($(stat -c %s b.qcow2) <= 1048576))"
