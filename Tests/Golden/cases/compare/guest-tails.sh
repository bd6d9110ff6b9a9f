# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# What the guest wrote to its last sector tells nothing of the format of its image.
qemu-img create -q -f vpc -o subformat=fixed,force_size small.vhd 1M
pattern guest.raw 0 2M 7
tail -c 512 small.vhd | dd of=guest.raw bs=512 seek=4095 conv=notrunc status=none
for format in qcow qcow2 qed vdi vmdk parallels; do
  qemu-img convert -f raw -O "$format" guest.raw "guest.$format"
  run strata compare -F raw "guest.$format" guest.raw
done
qemu-img convert -f raw -O vhdx -o block_size=1M guest.raw guest.vhdx
run strata compare -F raw guest.vhdx guest.raw
