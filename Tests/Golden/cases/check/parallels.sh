# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4M
pattern a.raw 0 200k 7
qemu-img convert -f raw -O parallels -o cluster_size=64k a.raw sound.hds
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there, and repairs it twice.
damaged() {
  cp sound.hds "$1"
  bytes "$@"
  repaired "$1"
}
repaired() {
  run strata check "$1"
  run strata check --output=json "$1"
  cp "$1" leaks-"$1"
  run strata check -r leaks leaks-"$1"
  run strata check -r all "$1"
}
damaged unclosed.hds 44 59 6e 6f 74
damaged outside.hds 76 77
damaged far.hds 76 00 00 00 77
damaged none.hds 76 00
cp sound.hds leaking.hds
truncate -s 600000 leaking.hds
repaired leaking.hds
