# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# What the peer lets pass when it only shows an image; being stricter is a choice.

fresh() { qemu-img create -q -f qcow2 a.qcow2 1M; }
try() {
  note "$1"
  shift
  fresh
  bytes a.qcow2 "$@"
  run strata info -f qcow2 a.qcow2
}
try 'L1 offset beyond the file' 40 0000000010000000
try 'refcount table offset zero' 48 0000000000000000
try 'header length 105' 100 00000069
note 'nothing behind the header'
fresh
truncate -s 104 a.qcow2
run strata info a.qcow2
fresh
truncate -s 512 a.qcow2
run strata info a.qcow2
