# beyond the peer: it has no such command
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# describe ATTRIBUTES... writes the description of an appliance, each file and its disk with such attributes.
describe() {
  local number=0 files='' disks='' file disk
  for file; do
    number=$((number + 1))
    disk=${file#*|}
    files+="<File ovf:id=\"f$number\" ovf:href=\"${file%%|*}\"/>"
    disks+="<Disk ovf:diskId=\"d$number\" ovf:fileRef=\"f$number\" $disk/>"
  done
  printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References>%s</References><DiskSection>%s</DiskSection></Envelope>\n' \
    "$files" "$disks" >x.ovf
}
# look FILE... puts the description and the files into an archive; what inspect says of it, and what comes of opening it.
look() {
  rm -f x.ova
  tar --format=ustar -cf x.ova x.ovf "$@"
  run strata inspect x.ova
  run strata convert -q -O raw x.ova out.raw
}
vmdk='ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#sparse"'
qemu-img create -q -f vmdk a.vmdk 1M
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 over.qcow2
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M

note 'disks that are none'
describe "a.vmdk|$vmdk"
look
noise b.vmdk 0 4096
describe "b.vmdk|$vmdk"
look b.vmdk
describe "a.vmdk|$vmdk" "b.vmdk|$vmdk" "c.vmdk|$vmdk"
look a.vmdk b.vmdk
describe
look a.vmdk
note 'disks that do not stand alone'
describe 'over.qcow2|'
look over.qcow2
describe 'flat.vmdk|'
look flat.vmdk
describe 'in.ova|'
cp x.ova in.ova
look in.ova
note 'manifests'
describe "a.vmdk|$vmdk"
echo hello >x.mf
look x.mf a.vmdk
run strata info x.ova
run strata convert -q --no-verify -O raw x.ova out.raw
printf 'SHA1(x.ovf)= %s\n' 0000000000000000000000000000000000000000 >x.mf
look x.mf a.vmdk
note 'a description in UTF-16'
rm x.mf
{ printf '\xff\xfe'; iconv -t UTF-16LE x.ovf; } >y.ovf
mv y.ovf x.ovf
look a.vmdk
run strata inspect --output=json x.ova
run strata info x.ovf
