# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# The image that gets another backing file is the one below filters in front of it.
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -f qcow2 other.qcow2 1M
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
group="--object throttle-group,id=g"
run strata rebase -u -b other.qcow2 -F qcow2 --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=top.qcow2
qemu-img info top.qcow2 | grep '^backing'
run strata rebase -u -b base.qcow2 -F qcow2 $group --image-opts driver=throttle,throttle-group=g,file.driver=copy-on-read,file.file.driver=qcow2,file.file.file.filename=top.qcow2
qemu-img info top.qcow2 | grep '^backing'
run strata rebase -b '' --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=top.qcow2
qemu-img info top.qcow2 | grep '^backing'
run strata check -q top.qcow2
