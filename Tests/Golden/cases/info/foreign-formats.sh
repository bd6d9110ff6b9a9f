# beyond the peer: it reads these formats
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for format in vmdk vdi vpc vhdx qed qcow parallels; do
  qemu-img create -q -f "$format" "a.$format" 1M
  run strata info "a.$format"
done
qemu-img create -q -f vpc -o subformat=fixed fixed.vpc 1M
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M
run strata info fixed.vpc
run strata info flat.vmdk
run strata info --output=json flat.vmdk

note 'every command that looks at the content refuses'
blank raw 1M
run strata convert -O raw a.vdi out.raw
run strata convert -O qcow2 raw a.vdi out.qcow2
present out.raw out.qcow2
run strata compare a.vdi raw
run strata check a.vdi
run strata measure -O qcow2 a.vdi
run strata map a.vdi
run strata resize a.vdi 2M
run strata dd if=a.vdi of=out.raw

note 'also below another image'
qemu-img create -q -f qcow2 top.qcow2 1M
run strata convert --image-opts -O raw driver=qcow2,file.filename=top.qcow2,backing.file.filename=a.vdi out.raw

note 'and every command takes it for a disk that is said to be one'
run strata info -f raw a.vdi
run strata convert -f raw -O raw a.vdi out.raw
run cmp a.vdi out.raw
