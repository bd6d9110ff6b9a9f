# beyond the peer: a snapshot whose table cannot be is taken out, where the peer leaves it
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
qemu-img snapshot -c one whole.qcow2
table=$(number whole.qcow2 64 8)
try() {
  note "$1"
  cp whole.qcow2 a.qcow2
  bytes a.qcow2 "$2" "$3"
  run strata check -r all a.qcow2
  show qemu-img check -q a.qcow2
  same a.raw raw a.qcow2 qcow2
}
try 'the L1 table of the snapshot is not aligned' "$table" 0000000000090200
try 'the L1 table of the snapshot is too large' $((table + 8)) 7fffffff
try 'more snapshots than there are' 60 00000003
try 'a snapshot table beyond the file' 64 0000000010000000
try 'too much extra data' $((table + 36)) 00000401
