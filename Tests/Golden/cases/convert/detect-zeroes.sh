# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# Zeros that are written and noticed, by each way of writing them, at the format and below it.
blank zero.raw 1M
for where in detect-zeroes=on detect-zeroes=off detect-zeroes=on,discard=ignore \
  detect-zeroes=unmap,discard=ignore detect-zeroes=unmap,discard=unmap detect-zeroes=frob file.detect-zeroes=on; do
  for what in "convert -n -S 0 --target-image-opts zero.raw" "bench -w -c 16 -d 1 -s 65536 --image-opts"; do
    note "$what, $where"
    qemu-img create -q -f qcow2 a.qcow2 1M
    qemu-io -c 'write -P 1 0 128k' a.qcow2 >/dev/null
    strata $what "driver=qcow2,file.filename=a.qcow2,$where" 2>&1 | grep -v '^Run completed\|^Sending'
    qemu-img map --output=json a.qcow2 | sed 's/, "offset": [0-9]*//'
    qemu-img check a.qcow2 | head -n 1
  done
done
note "the options of an image that others share"
strata info --image-opts driver=qcow2,file.filename=a.qcow2,force-share=on,read-only=off 2>&1 | head -n 1
strata info --image-opts driver=qcow2,file.filename=a.qcow2,force-share=on,read-only=on 2>&1 | head -n 1
