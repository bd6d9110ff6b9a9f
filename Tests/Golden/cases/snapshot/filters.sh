# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# An image's snapshots are those below filters in front of it, and below a raw view of it.
qemu-img create -q -f qcow2 a.qcow2 1M
group="--object throttle-group,id=g"
run strata snapshot -c one --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=a.qcow2
run strata snapshot -c two --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -c three $group --image-opts driver=throttle,throttle-group=g,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -c four --image-opts driver=raw,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -l --image-opts driver=blkdebug,image.driver=qcow2,image.file.filename=a.qcow2
run strata snapshot -l --image-opts driver=raw,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -a two --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -d one $group --image-opts driver=throttle,throttle-group=g,file.driver=copy-on-read,file.file.driver=qcow2,file.file.file.filename=a.qcow2
run strata snapshot -d nope --image-opts driver=copy-on-read,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -d four --image-opts driver=raw,file.driver=qcow2,file.file.filename=a.qcow2
run strata snapshot -l a.qcow2
run strata check -q a.qcow2
# Where there are none.
qemu-img create -q -f raw a.raw 1M
run strata snapshot -l --image-opts driver=copy-on-read,file.driver=raw,file.file.filename=a.raw
run strata snapshot -c one --image-opts driver=copy-on-read,file.driver=raw,file.file.filename=a.raw
