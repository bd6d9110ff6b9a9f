# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qed sound.qed 4M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.qed "$1"
  bytes "$@"
  run strata info "$1"
}
damaged magic.qed 0 00
run strata info -f qed magic.qed
damaged cluster.qed 4 01
damaged table.qed 8 03
damaged large-table.qed 8 20
damaged header.qed 12 00
damaged large-header.qed 12 09
damaged features.qed 16 08
damaged need-check.qed 16 02
damaged compatible.qed 24 01
damaged autoclear.qed 32 01
damaged no-l1.qed 42 00
damaged l1.qed 40 01
damaged far-l1.qed 42 00 01
damaged size.qed 48 01
damaged empty.qed 50 00
damaged huge.qed 55 80
