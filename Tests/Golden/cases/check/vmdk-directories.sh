# beyond the peer: it reads zeros where the first directory is damaged
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The second directory stands in sector 21 with tables from 22 on, the first one in sector 30 with tables from 31 on.
blank sound.raw 40M
pattern sound.raw 1M 1M 5
pattern sound.raw 33M 128K 6
strata convert -f raw -O vmdk sound.raw sound.vmdk
xxd -s 10752 -l 8 -p sound.vmdk
xxd -s 15360 -l 8 -p sound.vmdk

# damaged NAME OFFSET HEX... checks a copy with other bytes, mends it, and looks whether all is there.
damaged() {
  local name=$1
  shift
  note "$name"
  cp sound.vmdk a.vmdk
  bytes a.vmdk "$@"
  run strata check a.vmdk
  run strata check -r all a.vmdk
  run strata check a.vmdk
  run qemu-img check a.vmdk
  same a.vmdk vmdk sound.raw raw
}
damaged 'a directory past the end of the file' 56 ff ff ff 0f
damaged 'a directory that is nothing but zeros' 15360 00 00 00 00 00 00 00 00
damaged 'a table that is missing' 15360 00 00 00 00
damaged 'a table past the end of the file' 15364 ff ff ff 00
damaged 'a table in the descriptor' 15364 05 00 00 00
damaged 'a grain past the end of the file' 15936 ff ff ff 00
damaged 'a redundant table past the end of the file' 10752 ff ff ff 00

note 'a table that is nothing but zeros'
cp sound.vmdk a.vmdk
dd if=/dev/zero of=a.vmdk bs=512 seek=31 count=4 conv=notrunc status=none
run strata check -r all a.vmdk
same a.vmdk vmdk sound.raw raw

note 'a directory elsewhere than in new images'
cp sound.vmdk a.vmdk
dd if=/dev/zero of=a.vmdk bs=512 seek=30 count=9 conv=notrunc status=none
bytes a.vmdk 56 ff ff ff 0f
run strata check -r all a.vmdk
run strata check a.vmdk
same a.vmdk vmdk sound.raw raw

note 'nothing is written to an image whose directory is damaged'
cp sound.vmdk a.vmdk
bytes a.vmdk 15360 00 00 00 00 00 00 00 00
cp a.vmdk before.vmdk
run strata convert -n -f raw -O vmdk sound.raw a.vmdk
run strata resize a.vmdk 50M
cmp a.vmdk before.vmdk

note 'a redundant table that is not there, and a grain that is nowhere'
cp sound.vmdk a.vmdk
bytes a.vmdk 10752 00 00 00 00
bytes a.vmdk 15936 ff ff ff 00
run strata check -r all a.vmdk
run strata check a.vmdk
run qemu-img check a.vmdk
