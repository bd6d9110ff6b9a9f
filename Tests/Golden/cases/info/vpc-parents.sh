# beyond the peer: it has no parents of such images
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# mend NAME OFFSET LENGTH FIELD makes a checksum right.
mend() {
  local sum
  bytes "$1" $(($2 + $4)) 00 00 00 00
  sum=$(od -An -v -tu1 -j "$2" -N "$3" "$1" | awk '{for (i = 1; i <= NF; i++) sum += $i} END {print sum}')
  # shellcheck disable=SC2046
  bytes "$1" $(($2 + $4)) $(printf '%08x' $((0xffffffff - sum)) | sed 's/../& /g')
}
qemu-img create -q -f vpc -o force_size=on base.vhd 4M
for offset in 0 2048; do
  bytes base.vhd $((offset + 68)) 0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00
  mend base.vhd $offset 512 64
done
strata create -q -f vpc -b base.vhd -F vpc sound.vhd
# damaged NAME [OFFSET HEX...]... makes a copy of the image that has other bytes in its header, with a right checksum.
damaged() {
  local name=$1
  shift
  cp sound.vhd "$name"
  while (($#)); do
    # shellcheck disable=SC2086
    bytes "$name" "$1" $2
    shift 2
  done
  mend "$name" 512 1024 36
  run strata info "$name"
  run strata compare "$name" base.vhd
  run strata check "$name"
}
damaged sound2.vhd
note 'without a locator, by the mere name'
damaged name.vhd 1088 '00 00 00 00'
note 'without any'
damaged none.vhd 1088 '00 00 00 00' 576 '00 00'
note 'of lengths and at offsets that cannot be'
damaged long.vhd 1096 'ff ff ff ff'
damaged empty.vhd 1096 '00 00 00 00'
damaged odd.vhd 1096 '00 00 00 01'
damaged far.vhd 1104 '00 00 00 00 ff ff ff ff'
damaged beyond.vhd 1104 'ff ff ff ff ff ff ff ff'
note 'on the table, or on the header'
damaged table.vhd 1104 '00 00 00 00 00 00 06 00'
damaged header.vhd 1104 '00 00 00 00 00 00 02 00'
note 'leading elsewhere: up, to a device, to itself, to a server'
damaged climbing.vhd 1096 '00 00 00 12' 576 '00 00' 2048 '2e 00 2e 00 5c 00 75 00 70 00 2e 00 76 00 68 00 64 00'
damaged device.vhd 1088 '57 32 6b 75' 1096 '00 00 00 12' 576 '00 00' \
  2048 '2f 00 64 00 65 00 76 00 2f 00 7a 00 65 00 72 00 6f 00'
damaged a.vhd 1096 '00 00 00 0a' 576 '00 00' 2048 '61 00 2e 00 76 00 68 00 64 00'
damaged server.vhd 1096 '00 00 00 1a' 576 '00 00' \
  2048 '6e 00 62 00 64 00 3a 00 2f 00 2f 00 68 00 6f 00 73 00 74 00 2f 00 78 00 78 00'
note 'of Windows: a drive, and up from the folder'
damaged drive.vhd 1088 '57 32 6b 75' 1096 '00 00 00 1a' 576 '00 00' \
  2048 '43 00 3a 00 5c 00 78 00 5c 00 62 00 61 00 73 00 65 00 2e 00 76 00 68 00 64 00'
note 'of a Mac'
damaged mac.vhd 1088 '4d 61 63 58' 1096 '00 00 00 19' 576 '00 00' \
  2048 '66 69 6c 65 3a 2f 2f 6c 6f 63 61 6c 68 6f 73 74 2f 62 61 73 65 2e 76 68 64'
note 'another image'
damaged other.vhd 552 '01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10'
note 'what cannot be read of the names goes with a repair'
run strata check -r all far.vhd
run strata check far.vhd
run strata compare far.vhd base.vhd
