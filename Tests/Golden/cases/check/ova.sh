# beyond the peer: it takes appliances for raw disks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# describe NAME COMPRESSION FILE... writes the description of an appliance whose disks are in these files.
describe() {
  local name=$1 compression=$2 number=0 file files='' disks=''
  shift 2
  for file; do
    number=$((number + 1))
    files+="<File ovf:href=\"$file\" ovf:id=\"f$number\" ovf:compression=\"$compression\"/>"
    disks+="<Disk ovf:capacity=\"1048576\" ovf:diskId=\"d$number\" ovf:fileRef=\"f$number\"/>"
  done
  printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References>%s</References><DiskSection>%s</DiskSection></Envelope>\n' \
    "$files" "$disks" >"$name"
}
digest() { printf 'SHA256(%s)= %s\n' "$1" "$(sha256sum <"$1" | cut -d' ' -f1)"; }
zeros=$(printf '0%.0s' {1..64})

blank d.raw 1M
pattern d.raw 0 100k 7
strata convert -f raw -O vmdk d.raw d.vmdk
cp d.vmdk e.vmdk
echo notes >notes.txt
describe x.ovf identity d.vmdk
# pack LINE... makes an archive with these digests.
pack() {
  printf '%s\n' "$@" >x.mf
  tar --format=ustar -cf x.ova x.ovf x.mf d.vmdk notes.txt
}
note 'digests that are right'
pack "$(digest x.ovf)" "$(digest d.vmdk)" "$(digest notes.txt)"
run strata check x.ova
run strata check x.ovf
run strata inspect x.ova
note 'one that is wrong, one that is missing, one of no file'
pack "$(digest x.ovf)" "SHA256(d.vmdk)= $zeros" "SHA256(gone.vmdk)= $zeros"
run strata check x.ova
run strata check --output=json x.ova
run strata check x.ovf
note 'of the description'
pack "SHA256(x.ovf)= $zeros" "$(digest d.vmdk)" "$(digest notes.txt)"
run strata check x.ova
run strata check x.ovf
note 'a manifest that cannot be read, and none'
pack 'what is this'
run strata check x.ova
tar --format=ustar -cf x.ova x.ovf d.vmdk
run strata check x.ova
note 'several disks'
describe x.ovf identity d.vmdk e.vmdk
printf '%s\n' "$(digest x.ovf)" "$(digest d.vmdk)" "SHA256(e.vmdk)= $zeros" >x.mf
tar --format=ustar -cf x.ova x.ovf x.mf d.vmdk e.vmdk
run strata check --disk 1 x.ova
run strata check --disk 2 x.ova
run strata check --disk 1 x.ovf
note 'a disk without tables'
cp d.raw d.img
describe x.ovf identity d.img
printf '%s\n' "$(digest x.ovf)" "SHA256(d.img)= $zeros" >x.mf
tar --format=ustar -cf x.ova x.ovf x.mf d.img
run strata check x.ova
note 'a compressed disk'
gzip -n d.vmdk
describe x.ovf gzip d.vmdk.gz
tar --format=ustar -cf x.ova x.ovf d.vmdk.gz
run strata info x.ova
