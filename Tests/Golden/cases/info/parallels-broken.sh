# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f parallels -o cluster_size=64k sound.hds 4M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.hds "$1"
  bytes "$@"
  run strata info "$1"
}
damaged zero-tracks.hds 28 00
damaged tracks.hds 28 cf df 3f
damaged many-tracks.hds 28 d0 df 3f
damaged all-tracks.hds 28 ff ff ff ff
damaged no-entries.hds 32 00
damaged many-entries.hds 32 00 00 00 20
damaged all-entries.hds 32 ff ff ff ff
damaged empty.hds 36 00 00
damaged long.hds 36 00 00 00 00 00 01
damaged data.hds 48 00
damaged far-data.hds 48 ff ff ff ff
damaged flags.hds 52 01
damaged in-use.hds 44 59 6e 6f 74
damaged closed.hds 44 76 32 2e 31
damaged old.hds 0 57 69 74 68 6f 75 74 46 72 65 65 53 70 61 63 65
run strata info -f parallels missing.hds
blank raw.hds 1M
run strata info -f parallels raw.hds
