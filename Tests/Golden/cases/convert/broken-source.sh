# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
try() {
  note "$1"
  cp whole.qcow2 a.qcow2
  bytes a.qcow2 "$2" "$3"
  run strata convert -m 1 -O raw a.qcow2 b.raw
}
try 'a data cluster that is not aligned' $((0x40000)) 8000000000050200
try 'an L2 table that is not aligned' $((0x30000)) 8000000000040200
try 'the corrupt bit' 79 02
try 'the dirty bit' 79 01
run cmp a.raw b.raw
