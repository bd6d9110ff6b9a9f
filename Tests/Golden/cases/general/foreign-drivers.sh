# beyond the peer: it has some of these drivers
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 1M
note 'what others have is refused by name'
for driver in replication snapshot-access blkreplay nvme host_cdrom vvfat http iscsi; do
  run strata info --image-opts driver=$driver,file.filename=a.raw
done
run strata info -f replication a.raw
run strata create -f nvme b.raw 1M
run strata info http://localhost/a
run strata info ssh://localhost/a
run strata info frob://localhost/a
note 'a backing file that is stated without a driver has the format that the image states'
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
run strata map --image-opts driver=qcow2,file.filename=top.qcow2,backing.filename=base.qcow2
run strata map --image-opts driver=qcow2,file.filename=top.qcow2,backing.filename=a.raw
run strata map --image-opts driver=qcow2,file.filename=top.qcow2,backing.file.filename=a.raw
run strata map --image-opts driver=qcow2,file.filename=top.qcow2,backing.driver=raw,backing.file.filename=a.raw
