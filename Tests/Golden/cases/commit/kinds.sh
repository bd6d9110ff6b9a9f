# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# needs: qemu-io
try() {
  note "$1"
  make_chain
  qemu-img create -q -f qcow2 -o "$1" -b base -F qcow2 over 1M
  qemu-io -f qcow2 -c 'write -P 9 2k 2k' -c 'write -P 8 320k 128k' -c 'write -z 100k 4k' over >/dev/null
  qemu-img convert -f qcow2 -O raw over over.raw
  run strata commit over
  same over.raw raw over qcow2
  same over.raw raw base qcow2
  show qemu-img check -q -f qcow2 over
  show qemu-img check -q -f qcow2 base
  rm -f over data
}
try extended_l2=on
try compat=0.10
try cluster_size=512
try lazy_refcounts=on
try cluster_size=2M
try data_file=data
note 'compressed'
make_chain
qemu-img convert -f qcow2 -O qcow2 -c -B base -F qcow2 top packed
run strata commit packed
same before.raw raw packed qcow2
same before.raw raw base qcow2
show qemu-img check -q -f qcow2 packed
note 'with a snapshot'
make_chain
qemu-img snapshot -c before top
run strata commit top
chain_state
qemu-img snapshot -a before top
same before.raw raw top qcow2
