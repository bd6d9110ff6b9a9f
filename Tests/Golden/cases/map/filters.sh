# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
#
# needs: qemu-io
# The file that data lies in is named as what opens it, with the filters that stand above it.
qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f raw a.raw 1M
printf '[inject-error]\nevent = "l2_update"\n' >rules
qemu-io -f qcow2 -c 'write -q -P 5 64k 64k' a.qcow2
run strata map blkdebug::a.qcow2
run strata map blkdebug:rules:a.qcow2
run strata map blkdebug:rules:a.raw
run strata map --image-opts driver=qcow2,file.driver=blkdebug,file.align=512,file.image.filename=a.qcow2
run strata map --image-opts driver=qcow2,file.driver=preallocate,file.file.filename=a.qcow2
run strata map --image-opts driver=qcow2,file.driver=raw,file.offset=0,file.file.filename=a.qcow2
run strata map --image-opts driver=qcow2,file.driver=raw,file.file.filename=a.qcow2
run strata map --object throttle-group,id=g \
  --image-opts driver=qcow2,file.driver=throttle,file.throttle-group=g,file.file.filename=a.qcow2
run strata map --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=a.qcow2
