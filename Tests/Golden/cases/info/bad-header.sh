# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

fresh() { qemu-img create -q -f qcow2 a.qcow2 1M; }
try() {
  note "$1"
  shift
  fresh
  bytes a.qcow2 "$@"
  run strata info -f qcow2 a.qcow2
}
try 'magic' 0 51464900
try 'version 1' 4 00000001
try 'version 4' 4 00000004
try 'backing name beyond the first cluster' 8 0000000000010000 00000008
try 'backing name too long' 8 0000000000000200 00000400
try 'cluster bits 8' 20 00000008
try 'cluster bits 22' 20 00000016
try 'size huge' 24 7fffffffffffffff
try 'size negative' 24 8000000000000000
try 'encryption method 3' 32 00000003
try 'L1 size huge' 36 7fffffff
try 'L1 too small for the size' 36 00000000
try 'L1 offset odd' 40 0000000000030001
try 'L1 offset huge' 40 7fffffffffff0000
try 'refcount table offset odd' 48 0000000000010008
try 'refcount table size huge' 56 7fffffff
try 'refcount table size 0' 56 00000000
try 'snapshots too many' 60 00010001 0000000000040000
try 'snapshot table offset odd' 60 00000001 0000000000040001
try 'refcount order 7' 96 00000007
try 'header length 100' 100 00000064
try 'header length 72' 100 00000048
try 'header length beyond the cluster' 100 00010008
try 'compression type 2' 104 02
try 'compression type without the feature bit' 104 01
try 'extension longer than the cluster' 112 12345678 7fffffff
