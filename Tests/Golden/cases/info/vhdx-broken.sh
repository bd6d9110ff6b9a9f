# beyond the peer: it says "Invalid argument" of most of this, or reads it
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vhdx sound.vhdx 4M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.vhdx "$1"
  shift
  while [ $# -gt 0 ]; do
    bytes "$name" "$1" "$2"
    shift 2
  done
  run strata info "$name"
}
for defect in \
  "magic.vhdx 0 00" "one-header.vhdx 65536 00" "headers.vhdx 65536 00 131072 00" "checksum.vhdx 65540 00 131076 00" \
  "regions.vhdx 196608 00" "no-regions.vhdx 196608 00 262144 00" "metadata.vhdx 3145728 00" \
  "items.vhdx 3145738 00" "many-items.vhdx 3145739 08" "block-size.vhdx 3211266 03" "small-block.vhdx 3211266 00" \
  "sector.vhdx 3211297 04" "huge.vhdx 3211279 01" "parent.vhdx 3211268 02" "long.vhdx 3211277 20" \
  "far-item.vhdx 3145779 ff" "unknown-item.vhdx 3145760 00"; do
  name=${defect%% *}
  # Words are meant: pairs of offsets and bytes.
  # shellcheck disable=SC2086
  damaged $defect
done
run strata info -f vhdx magic.vhdx
