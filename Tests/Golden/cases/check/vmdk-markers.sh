# beyond the peer: it reads zeros where tables are damaged, and looks at no marker
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank sound.raw 40M
pattern sound.raw 0 200k 7
noise sound.raw 36M 100k
strata convert -f raw -O vmdk -o subformat=streamOptimized sound.raw stream.vmdk
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized sound.raw front.vmdk
# The directory of the first one stands in sector 143 with tables in 134 and in 138; those of the second one in 21 and 30.
place=$(($(stat -c %s stream.vmdk) - 4 * 512))
directory() { xxd -s $place -l 8 -p stream.vmdk; }

# damaged NAME IMAGE OFFSET HEX... checks a copy with other bytes, mends it, and looks whether all is there.
damaged() {
  local name=$1 image=$2
  shift 2
  note "$name"
  cp "$image" a.vmdk
  while [ $# -gt 0 ]; do
    bytes a.vmdk "$1" "$2"
    shift 2
  done
  run strata check a.vmdk
  run strata check -r all a.vmdk
  same a.vmdk vmdk sound.raw raw
  cmp a.vmdk "$image"
}
table=$((0x$(xxd -s $place -l 4 -e stream.vmdk | cut -c11-18) * 512))
damaged 'a directory entry past the end of the file' stream.vmdk $place ffffff00
damaged 'a directory entry that is missing' stream.vmdk $place 00000000
damaged 'a directory entry that leads into a grain' stream.vmdk $place 81000000
damaged 'two directory entries that lead to one table' stream.vmdk $((place + 4)) "$(xxd -s $place -l 4 -p stream.vmdk)"
damaged 'entries of a table: past the end, in the header, of another grain' stream.vmdk $table ffffff00 $((table + 4)) 01000000 $((table + 8)) 80000000
damaged 'an entry of a table that is missing' stream.vmdk $((table + 4)) 00000000
damaged 'an entry for a grain that there is not' stream.vmdk $((table + 64)) 90000000
note 'those of qemu-img, with both directories'
damaged 'a directory entry past the end of the file' front.vmdk 10752 ffffff00 15360 ffffff00
damaged 'a directory entry that leads into a grain' front.vmdk 10752 81000000 15360 81000000
damaged 'a directory entry that leads into a grain, in the first directory alone' front.vmdk 15360 81000000
damaged 'an entry of a table that is missing' front.vmdk 11268 00000000 15876 00000000
note 'a marker and the entry of another grain'
cp stream.vmdk a.vmdk
bytes a.vmdk 66048 03
bytes a.vmdk $((table + 8)) ffffff00
run strata check -r all a.vmdk
run strata check a.vmdk
