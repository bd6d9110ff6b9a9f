# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# header makes a header of version 1 with eight inactive slots and 2068480 bytes before its data.
header() {
  local slot
  rm -f a.luks
  blank a.luks 3M
  bytes a.luks 0 4c554b53babe0001
  printf aes | dd of=a.luks bs=1 seek=8 conv=notrunc status=none
  printf xts-plain64 | dd of=a.luks bs=1 seek=40 conv=notrunc status=none
  printf sha256 | dd of=a.luks bs=1 seek=72 conv=notrunc status=none
  bytes a.luks 104 00000fc8 00000040
  bytes a.luks 164 000003e8
  for slot in 0 1 2 3 4 5 6 7; do
    bytes a.luks $((208 + 48 * slot)) 0000dead 00000000
    bytes a.luks $((248 + 48 * slot)) "$(printf %08x $((8 + 504 * slot)))" 00000fa0
  done
}

# broken OFFSET HEX breaks a header and shows what is said of it.
broken() {
  header
  bytes a.luks "$1" "$2"
  run strata info -f luks a.luks
}

header
run strata info a.luks
broken 0 58
broken 6 0009
broken 40 666f6f00
broken 104 00000000
broken 104 00000008
broken 164 00000000
broken 208 01020304
broken 208 00ac71f3
broken 248 00000000
broken 252 00000001
broken 296 00000008
blank b.raw 1M
run strata info -f luks b.raw
blank b.raw 0
run strata info -f luks b.raw
