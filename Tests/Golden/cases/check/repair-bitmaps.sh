# beyond the peer: bitmaps that contradict something are taken away, where the peer does not open the image
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f qcow2 -o cluster_size=4k whole.qcow2 1M
for name in one two; do qemu-img bitmap --add -g 4k whole.qcow2 $name; done
# The extension follows the table of feature names, if there is one; the directory has entries of 32 bytes.
extension=104
until [[ $(number whole.qcow2 $extension 4) == $((0x23852875)) ]]; do extension=$((extension + 8)); done
directory=$(number whole.qcow2 $((extension + 24)) 8)
table=$(number whole.qcow2 "$directory" 8)
try() {
  note "$1"
  cp whole.qcow2 a.qcow2
  bytes a.qcow2 "$2" "$3"
  run strata check -q a.qcow2
  run strata check -q -r leaks a.qcow2
  run strata check -r all a.qcow2
  show qemu-img check -q a.qcow2
  qemu-img info a.qcow2 | sed -n 's/^ *name:/= left:/p'
}
try 'a reserved flag' $((directory + 15)) 0a
try 'an unknown type' $((directory + 16)) 02
try 'a table that is too long' $((directory + 8)) 00000002
try 'a name that another one has' $((directory + 32 + 24)) 6f6e65
try 'reserved bits in a table' $((table)) 0000000000000100
try 'bits past the end of the file' $((table)) 0000007000000000
try 'more bitmaps announced than there are' $((extension + 8)) 00000003
try 'a directory that is not aligned' $((extension + 24)) 0000000000000123
note 'a bitmap in use stays, and stays inconsistent'
cp whole.qcow2 a.qcow2
bytes a.qcow2 $((directory + 15)) 03
run strata check -r all a.qcow2
run strata info a.qcow2
note 'extra data of a kind that is not known has to stay as it is'
for flags in 02 06; do
  cp whole.qcow2 a.qcow2
  bytes a.qcow2 $((directory + 15)) $flags
  bytes a.qcow2 $((directory + 20)) 00000004585858586f6e6500
  cp a.qcow2 before.qcow2
  for repair in leaks all; do run strata check -r $repair a.qcow2; done
  run cmp a.qcow2 before.qcow2
done
note 'and so has the flag that allows it'
cp whole.qcow2 a.qcow2
bytes a.qcow2 $((directory + 15)) 06
run strata check -r all a.qcow2
