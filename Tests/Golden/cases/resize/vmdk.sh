# beyond the peer: it cannot do any of this
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 1M 1M 5
for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat; do
  qemu-img convert -f raw -O vmdk -o subformat=$subformat a.raw a.vmdk
  run strata resize a.vmdk 200M
  run strata check -q a.vmdk
  if [[ $subformat == *Sparse ]]; then run qemu-img check -q a.vmdk; fi
  if [[ $subformat == *Sparse ]]; then run strata map --output=json a.vmdk; fi
  grep -a -E '^(RW|ddb.geometry)' a.vmdk
  run strata resize a.vmdk 100M
  run strata resize --shrink a.vmdk 4M
  run strata check -q a.vmdk
  same a.raw raw a.vmdk vmdk
  run strata resize a.vmdk 5G
  grep -a -E '^(RW|ddb.geometry.c)' a.vmdk
  run strata check -q a.vmdk
  if [[ $subformat == *Sparse ]]; then run qemu-img check -q a.vmdk; fi
  show qemu-io -f vmdk -c 'write -q -P 9 4095M 2M' -c 'read -q -P 9 4095M 2M' -c 'read -q -P 5 1M 1M' a.vmdk
  run strata check -q a.vmdk
  run strata resize --preallocation=metadata a.vmdk 6G
  run strata resize --shrink a.vmdk 1M
  rm -f ./*.vmdk
done
note 'a file that stands where a new one would'
qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentFlat s.vmdk 2G
blank s-f002.vmdk 1M
run strata resize s.vmdk 3G
grep -a '^RW' s.vmdk
size_of s-f002.vmdk
rm -f s-f002.vmdk
run strata resize s.vmdk 3G
size_of s-f001.vmdk s-f002.vmdk
note 'what lies below does not show'
pattern b.raw 0 4M 7
qemu-img convert -f raw -O vmdk b.raw base.vmdk
for subformat in monolithicSparse twoGbMaxExtentSparse; do
  qemu-img create -q -f vmdk -o subformat=$subformat -b base.vmdk -F vmdk top.vmdk 1M
  run strata resize top.vmdk 5M
  show qemu-io -f vmdk -c 'read -q -P 7 0 1M' -c 'read -q -P 0 1M 4M' top.vmdk
done
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized a.raw stream.vmdk
run strata resize stream.vmdk 8M
printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="custom"\nRW 2048 FLAT "a.raw" 0\nRW 64 ZERO\n' >text.vmdk
run strata resize text.vmdk 8M

note 'a disk of several files becomes shorter than its last ones begin'
blank c.raw 5G
pattern c.raw 1M 1M 5
pattern c.raw 3G 1M 6
for subformat in twoGbMaxExtentSparse twoGbMaxExtentFlat; do
  strata convert -f raw -O vmdk -o subformat=$subformat c.raw c.vmdk
  run strata resize c.vmdk 4G
  run strata resize --shrink c.vmdk 4G
  ls c-*
  run strata resize --shrink c.vmdk 3145M
  grep -a -E '^(RW|ddb.geometry.c)' c.vmdk
  ls c-*
  run strata check -q c.vmdk
  run strata resize c.vmdk 5G
  ls c-*
  same c.raw raw c.vmdk vmdk
  run strata resize --shrink c.vmdk 1M
  grep -a -E '^RW' c.vmdk
  ls c-*
  show qemu-io -f vmdk -c 'read -q -P 0 0 1M' c.vmdk
  rm -f c.vmdk c-*
done
note 'files that are not its own are not removed'
qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentFlat d.vmdk 5G
for name in other.raw d-f001.vmdk d-f007.vmdk; do
  touch other.raw d-f007.vmdk
  sed "s/d-f003.vmdk/$name/" d.vmdk >e.vmdk
  run strata resize --shrink e.vmdk 3G
done
ls
