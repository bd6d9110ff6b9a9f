# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# One defect at a time in an image with four data clusters: header 0, refcount table 0x10000,
# refcount block 0x20000, L1 table 0x30000, L2 table 0x40000, data from 0x50000.
pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
blank whole.qcow2 1M
try() {
  note "$1"
  shift
  cp whole.qcow2 a.qcow2
  while (($# >= 2)); do
    bytes a.qcow2 "$1" "$2"
    shift 2
  done
  run strata check a.qcow2
  run strata check --output=json a.qcow2
}
try 'refcount 0 of a data cluster' $((0x20000 + 2 * 5)) 0000
try 'refcount 0 of the header' $((0x20000)) 0000
try 'refcount 0 of the L2 table' $((0x20000 + 2 * 4)) 0000
try 'refcount 2 of the L2 table' $((0x20000 + 2 * 4)) 0002
try 'two entries for one cluster' $((0x40000 + 8)) 8000000000050000
try 'no copied flag on a data cluster' $((0x40000)) 0000000000050000
try 'no copied flag on the L2 table' $((0x30000)) 0000000000040000
try 'a data cluster that is not aligned' $((0x40000)) 8000000000050200
try 'a data cluster beyond the file' $((0x40000)) 8000000010000000
try 'a data cluster beyond anything' $((0x40000)) 80fffffffffe0000
try 'a data cluster on the L2 table' $((0x40000)) 8000000000040000
try 'a data cluster on the header' $((0x40000)) 8000000000000000
try 'an L2 table beyond the file' $((0x30000)) 8000000010000000
try 'reserved bits of an L1 entry' $((0x30000)) 8000000000040001
try 'reserved bits of an L2 entry' $((0x40000)) 8000000000050002
try 'a refcount block that is not aligned' $((0x10000)) 0000000000020200
try 'a refcount block beyond the file' $((0x10000)) 0000000010000000
try 'a refcount block that is not there' $((0x10000)) 0000000000000000
try 'a second refcount block on the first' $((0x10008)) 0000000000020000
try 'a compressed cluster beyond the file' $((0x40000)) 4000000010000000
try 'a compressed cluster over a data cluster' $((0x40000)) 4000000000060000
try 'a leak and a corruption' $((0x20000 + 2 * 5)) 0000 $((0x20000 + 2 * 9)) 0001
