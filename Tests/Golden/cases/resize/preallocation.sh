# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for mode in off metadata falloc full; do
  note "$mode"
  qemu-img create -q -f qcow2 a.qcow2 1M
  qemu-img create -q -f qcow2 -o extended_l2=on x.qcow2 1M
  qemu-img create -q -f qcow2 -o data_file=d.raw d.qcow2 1M
  qemu-img create -q -f qcow2 -o data_file=e.raw,data_file_raw=on e.qcow2 1M
  rm -f a.raw
  blank a.raw 1M
  run strata resize --preallocation="$mode" a.qcow2 +1M
  allocation qcow2 a.qcow2
  run strata resize --preallocation="$mode" x.qcow2 +1M
  allocation qcow2 x.qcow2
  run strata resize --preallocation="$mode" d.qcow2 +1M
  run strata resize --preallocation="$mode" e.qcow2 +1M
  allocation qcow2 e.qcow2
  run strata resize -f raw --preallocation="$mode" a.raw +1M
  size_of a.raw d.raw e.raw
  for image in a x d e; do qemu-img check -q "$image.qcow2" || note "$image is damaged"; done
  rm -f ./*.raw ./*.qcow2
done
