# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow sound.qcow 10M
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.qcow "$1"
  bytes "$@"
  run strata info "$1"
}
damaged empty.qcow 29 00
damaged two.qcow 24 00 00 00 00 00 00 00 02
damaged odd.qcow 24 00 00 00 00 00 00 07 ff
damaged large.qcow 24 00 02
damaged huge.qcow 24 ff
damaged small-clusters.qcow 32 08
damaged sectors.qcow 32 09
damaged large-clusters.qcow 32 10
damaged larger-clusters.qcow 32 11
damaged small-tables.qcow 33 05
damaged tables.qcow 33 06
damaged larger-tables.qcow 33 0e
damaged padding.qcow 34 ff ff
damaged method.qcow 36 00 00 00 02
damaged encrypted.qcow 39 01
damaged name.qcow 8 00 00 00 00 00 00 00 30 00 00 04 00
damaged no-name.qcow 8 00 00 00 00 00 00 00 30 00 00 00 00
run strata info -f qcow missing.qcow
