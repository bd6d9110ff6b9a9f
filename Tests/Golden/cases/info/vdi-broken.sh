# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vdi sound.vdi 4M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.vdi "$1"
  bytes "$@"
  run strata info "$1"
}
damaged signature.vdi 64 00
run strata info -f vdi signature.vdi
damaged version.vdi 68 03 00 02 00
damaged map.vdi 340 01
damaged data.vdi 344 01
damaged sector.vdi 361 04
damaged block-size.vdi 376 01
damaged blocks.vdi 384 03
damaged many-blocks.vdi 384 ff ff ff ff
damaged size.vdi 375 80
damaged odd-size.vdi 368 01
damaged link.vdi 424 01
damaged parent.vdi 440 01
damaged type.vdi 76 04
