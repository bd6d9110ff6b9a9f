# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# needs: create_compressed_fs

blank disk 10M
noise disk 0 100000
create_compressed_fs -q -B 65536 disk sound.cloop >/dev/null 2>&1
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.cloop "$1"
  bytes "$@"
  run strata info "$1"
}
damaged no-size 128 00 00 00 00
damaged odd-size 128 00 00 00 64
damaged odder-size 128 ff ff ff ff
damaged large-size 128 04 00 02 00
damaged size 128 04 00 00 00
damaged no-blocks 132 00 00 00 00
damaged more-blocks 132 00 00 27 10
damaged many-blocks 132 1f ff ff ff
damaged too-many-blocks 132 20 00 00 00
damaged most-blocks 132 ff ff ff ff
damaged first 136 ff ff ff ff ff ff ff ff
damaged decreasing 176 00 00 00 00 00 00 00 01
damaged far 176 00 00 00 ff 00 00 00 00
damaged last 1416 ff ff ff ff ff ff ff ff
head -c 500 sound.cloop >cut
run strata info cut
head -c 100 sound.cloop >cut
run strata info cut
noise junk 0 1000
run strata info -f cloop junk
