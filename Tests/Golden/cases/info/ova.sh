# beyond the peer: it takes appliances for raw disks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# describe NAME FILE... writes the description of an appliance whose disks are in these files.
describe() {
  local name=$1 number=0 file files='' disks=''
  shift
  for file; do
    number=$((number + 1))
    files+="<File ovf:href=\"$file\" ovf:id=\"file$number\"/>"
    disks+="<Disk ovf:capacity=\"$number\" ovf:capacityAllocationUnits=\"byte * 2^20\" ovf:diskId=\"disk$number\""
    disks+=" ovf:fileRef=\"file$number\" ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html#sparse\"/>"
  done
  printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References>%s</References><DiskSection>%s</DiskSection></Envelope>\n' \
    "$files" "$disks" >"$name"
}
qemu-img create -q -f vmdk system.vmdk 1M
qemu-img create -q -f vmdk data.vmdk 2M
describe one.ovf system.vmdk
tar --format=ustar -cf one.ova one.ovf system.vmdk
describe two.ovf system.vmdk data.vmdk
printf 'SHA1(system.vmdk)= 0000000000000000000000000000000000000000\n' >two.mf
tar --format=ustar -cf two.ova two.ovf two.mf system.vmdk data.vmdk

run strata info one.ova
run strata info --output=json one.ova
run strata info two.ova
run strata info --disk 2 two.ova
run strata info --disk=disk1 --output=json two.ova
run strata info --disk 3 two.ova
run strata info --disk 1 data.vmdk
run strata info --image-opts driver=ova,disk=data.vmdk,file.filename=two.ova
run strata info two.ovf
run strata inspect two.ova
run strata map two.ova
run strata map --disk 1 two.ova
run strata check one.ova
run strata check two.ova
run strata check --disk 2 two.ova
run strata check -r all --disk 2 two.ova
run strata bench --disk 2 -q -c 1 two.ova
run strata dd --disk 2 bs=512 count=1 if=two.ova of=sector.raw
present sector.raw
run strata dd --disk 2 bs=512 count=1 if=- of=sector.raw

note 'what the manifest says otherwise of is not converted'
run strata convert --disk 1 -O raw two.ova out.raw
present out.raw
run strata convert --disk 1 --no-verify -O raw two.ova out.raw
note 'what it does not list is not verified'
run strata convert --disk 2 -O raw two.ova out.raw
run strata convert --disk 2 --no-verify -O raw two.ova out.raw
run strata checksum --disk 2 two.ova

note 'the archive itself'
run strata info -f raw one.ova
run strata convert -n -O ova out.raw one.ova
run strata resize one.ova 2M
