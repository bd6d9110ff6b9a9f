# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# needs: bximage

bximage -q -func=create -imgmode=growing -hd=10M sound.bochs </dev/null >/dev/null 2>&1
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.bochs "$1"
  bytes "$@"
  run strata info -f bochs "$1"
}
damaged magic 0 00
damaged kind 32 00
damaged subtype 48 00
damaged version 64 01
damaged no-catalog 72 00 00 00 00
damaged small-catalog 72 10 00 00 00
damaged catalog 72 00 00 10 00
damaged large-catalog 72 01 00 10 00
damaged huge-catalog 72 ff ff ff ff
damaged no-extents 80 00 00 00 00
damaged small-extents 80 00 01 00 00
damaged odd-extents 80 01 40 00 00
damaged large-extents 80 00 00 00 01
damaged huge-extents 80 00 00 00 80
damaged empty 88 00 00 00 00 00 00 00 00
damaged odd 88 01
damaged large 95 80
damaged huge 88 ff ff ff ff ff ff ff ff
truncate -s 64 sound.bochs
run strata info -f bochs sound.bochs
