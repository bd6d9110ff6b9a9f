# beyond the peer: its newer releases have -c, Debian's has not
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

mk() {
  rm -f base mid top
  qemu-img create -q -f qcow2 base 1M
  qemu-io -f qcow2 -c "write -P 1 0 256k" base >/dev/null
  qemu-img create -q -f qcow2 -o "$1" -b base -F qcow2 top
  qemu-io -f qcow2 -c "write -P 2 64k 64k" top >/dev/null
  qemu-img convert -f qcow2 -O raw top before.raw
}
for options in compression_type=zlib compression_type=zstd extended_l2=on; do
  note "$options"
  mk "$options"
  run strata rebase -c -b '' top
  same before.raw raw top qcow2
  run strata map --output=json top
  show qemu-img check -q -f qcow2 top
done
note 'only the name'
mk compat=0.10
run strata rebase -u --compress -b '' top
run strata map --output=json top
note 'what cannot be compressed'
qemu-img create -q -f qcow2 -o data_file=data -b base -F qcow2 external
run strata rebase -c -b '' external
run strata rebase -c -b '' before.raw
