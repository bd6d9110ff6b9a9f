# beyond the peer: entries that lead nowhere are taken out of the tables, where the peer leaves them
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Layout as in corruptions.sh.
pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
blank whole.qcow2 1M
try() {
  note "$1"
  cp whole.qcow2 a.qcow2
  bytes a.qcow2 "$2" "$3"
  run strata check -r all a.qcow2
  show qemu-img check -q a.qcow2
}
try 'a data cluster that is not aligned' $((0x40000)) 8000000000050200
try 'a data cluster beyond the file' $((0x40000)) 8000000010000000
try 'a compressed cluster beyond the file' $((0x40000)) 4000000010000000
try 'reserved bits in an L2 entry' $((0x40000)) 8000000000050002
try 'an L2 table that is not aligned' $((0x30000)) 8000000000040200
try 'an L2 table beyond the file' $((0x30000)) 8000000010000000
try 'an L2 table on the L1 table' $((0x30000)) 8000000000030000
try 'reserved bits in an L1 entry' $((0x30000)) 8000000000040001
try 'reserved bits in the refcount table' $((0x10000)) 0000000000020001
try 'a refcount block beyond the file' $((0x10000)) 0000000010000000
try 'the L1 table beyond the file' 40 0000000001000000
