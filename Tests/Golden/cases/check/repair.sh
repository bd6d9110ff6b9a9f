# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# What the peer repairs, too. Layout as in corruptions.sh.
pattern a.raw 0 256K 65
qemu-img convert -f raw -O qcow2 a.raw whole.qcow2
blank whole.qcow2 1M
try() {
  note "$1"
  shift
  local what
  for what in leaks all; do
    cp whole.qcow2 a.qcow2
    for ((i = 1; i < $#; i += 2)); do bytes a.qcow2 "${@:i:1}" "${@:i+1:1}"; done
    run strata check -r "$what" a.qcow2
    cp whole.qcow2 a.qcow2
    for ((i = 1; i < $#; i += 2)); do bytes a.qcow2 "${@:i:1}" "${@:i+1:1}"; done
    run strata check --output=json -r "$what" a.qcow2
  done
  same a.raw raw a.qcow2 qcow2
  show number a.qcow2 79 1
}
try 'leaked clusters' $((0x20000 + 2 * 9)) 00010002
try 'a refcount that is too large' $((0x20000 + 2 * 5)) 0003
try 'refcount 0 of a data cluster' $((0x20000 + 2 * 5)) 0000
try 'refcount 0 of the header' $((0x20000)) 0000
try 'no refcount block' $((0x10000)) 0000000000000000
try 'one refcount block twice' $((0x10008)) 0000000000020000
try 'a refcount block that is not aligned' $((0x10008)) 0000000000020200
try 'two entries for one cluster' $((0x40000 + 8)) 8000000000050000
try 'a data cluster on the L2 table' $((0x40000)) 8000000000040000
try 'no copied flag on a data cluster' $((0x40000)) 0000000000050000
try 'no copied flag on the L2 table' $((0x30000)) 0000000000040000
try 'a preallocated cluster that is not aligned' $((0x40000)) 8000000000050201
try 'marked as damaged' 79 02
try 'marked as damaged, with a leak' 79 02 $((0x20000 + 2 * 9)) 0001
note 'quietly, and with sharing forced'
bytes a.qcow2 $((0x20000 + 2 * 9)) 0001
run strata check -q -r leaks a.qcow2
run strata check -U -r leaks a.qcow2
run strata check -f raw -r leaks a.qcow2
