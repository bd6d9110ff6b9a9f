# beyond the peer: it knows image files only
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

top={5fbaabe3-6958-40ff-92a7-860e329aab41}
first={11111111-2222-4333-8444-555555555555}
none={00000000-0000-0000-0000-000000000000}
# describe FOLDER TOP writes a description of a disk with a part that is plain and one with a snapshot.
describe() {
  {
    printf '<Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>4096</Disk_size></Disk_Parameters><StorageData>'
    printf '<Storage><Start>2048</Start><End>4096</End><Image><GUID>%s</GUID><Type>Compressed</Type><File>b.hds</File></Image>' $first
    printf '<Image><GUID>%s</GUID><Type>Compressed</Type><File>b2.hds</File></Image></Storage>' $top
    printf '<Storage><Start>0</Start><End>2048</End><Image><GUID>%s</GUID><Type>Plain</Type><File>a.hds</File></Image>' $top
    printf '<Image><GUID>%s</GUID><Type>Plain</Type><File>a1.hds</File></Image></Storage></StorageData>' $first
    printf '<Snapshots><TopGUID>%s</TopGUID><Shot><GUID>%s</GUID><ParentGUID>%s</ParentGUID></Shot>' "$2" $top $first
    printf '<Shot><GUID>%s</GUID><ParentGUID>%s</ParentGUID></Shot></Snapshots></Parallels_disk_image>\n' $first $none
  } >"$1/DiskDescriptor.xml"
}
mkdir disk.hdd empty.hdd
for name in b b2; do qemu-img create -q -f parallels -o cluster_size=64k disk.hdd/$name.hds 1M; done
blank disk.hdd/a.hds 1M
blank disk.hdd/a1.hds 1M
describe disk.hdd "$top"
run strata info disk.hdd
run strata info --output=json disk.hdd/DiskDescriptor.xml
run strata map disk.hdd
run strata check disk.hdd
describe disk.hdd "$first"
run strata info disk.hdd
run strata inspect disk.hdd/DiskDescriptor.xml

note 'what is refused'
run strata resize disk.hdd 4M
run strata check -r all disk.hdd
run strata info --untrusted disk.hdd
rm disk.hdd/a1.hds
run strata info disk.hdd
run strata info empty.hdd
describe disk.hdd '{1}'
run strata info disk.hdd

note 'a folder is no raw disk, whatever its description says'
run strata inspect disk.hdd
: >disk.hdd/DiskDescriptor.xml
run strata info disk.hdd
run strata convert -O raw disk.hdd out.raw
run strata inspect disk.hdd
printf '<!DOCTYPE a [<!ENTITY b "c">]><Parallels_disk_image/>' >disk.hdd/DiskDescriptor.xml
run strata checksum disk.hdd
run strata inspect disk.hdd
present out.raw
