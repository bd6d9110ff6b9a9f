# beyond the peer: it looks at no part of a disk, and leaves what stands behind an end
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

note 'a part that can be mended is mended with the disk'
blank sound.raw 3G
pattern sound.raw 1M 1M 5
pattern sound.raw 2200M 128K 6
qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse sound.raw a.vmdk
xxd -s 56 -l 8 -p a-s001.vmdk
bytes a-s001.vmdk $((278 * 512)) ffffff00
run strata check a.vmdk
run strata check -r leaks a.vmdk
run strata check -r all a.vmdk
run strata check a.vmdk
same a.vmdk vmdk sound.raw raw
note 'parts that have the same bytes'
blank f.raw 1M
# describe LINE... writes a descriptor of these parts.
describe() { printf '%s\n' '# Disk DescriptorFile' 'version=1' 'CID=12345678' 'parentCID=ffffffff' 'createType="custom"' "$@" >b.vmdk; }
describe 'RW 1024 FLAT "f.raw" 0' 'RW 1024 FLAT "f.raw" 1024'
run strata check b.vmdk
describe 'RW 1024 FLAT "f.raw" 0' 'RW 1024 FLAT "f.raw" 512'
run strata check b.vmdk
ln f.raw g.raw
describe 'RW 512 FLAT "f.raw" 1536' 'RW 10 ZERO' 'RW 2048 FLAT "g.raw" 0' 'RW 512 VMFS "f.raw"'
run strata check b.vmdk
run strata check --output=json b.vmdk
describe 'RW 2097152 SPARSE "a-s002.vmdk"' 'RW 2097152 SPARSE "a-s002.vmdk"'
run strata check b.vmdk
note 'bytes behind the end of a stream'
blank s.raw 1M
pattern s.raw 0 100k 7
run strata convert -f raw -O vmdk -o subformat=streamOptimized s.raw s.vmdk
for count in 700 200000; do
  cp s.vmdk t.vmdk
  noise t.vmdk "$(stat -c %s s.vmdk)" $count
  run strata check t.vmdk
  run strata check -r leaks t.vmdk
  cmp s.vmdk t.vmdk
done
