# beyond the peer: it reads these formats
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for format in vmdk qcow; do
  qemu-img create -q -f "$format" "a.$format" 1M
  run strata info "a.$format"
done
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M
run strata info flat.vmdk
run strata info --output=json flat.vmdk

note 'every command that looks at the content refuses'
blank raw 1M
run strata convert -O raw a.vmdk out.raw
run strata convert -O qcow2 raw a.vmdk out.qcow2
present out.raw out.qcow2
run strata compare a.vmdk raw
run strata check a.vmdk
run strata measure -O qcow2 a.vmdk
run strata map a.vmdk
run strata resize a.vmdk 2M
run strata dd if=a.vmdk of=out.raw

note 'also below another image'
qemu-img create -q -f qcow2 top.qcow2 1M
run strata convert --image-opts -O raw driver=qcow2,file.filename=top.qcow2,backing.file.filename=a.vmdk out.raw

note 'and every command takes it for a disk that is said to be one'
run strata info -f raw a.vmdk
run strata convert -f raw -O raw a.vmdk out.raw
run cmp a.vmdk out.raw
