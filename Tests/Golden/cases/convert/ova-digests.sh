# beyond the peer: it takes appliances for raw disks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vmdk d.vmdk 1M
printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References><File ovf:href="d.vmdk" ovf:id="f"/></References><DiskSection><Disk ovf:capacity="1048576" ovf:diskId="d" ovf:fileRef="f"/></DiskSection></Envelope>\n' >x.ovf
zeros=$(printf '0%.0s' {1..64})
manifest() {
  printf "$1" >x.mf
  tar --format=ustar -cf x.ova x.ovf x.mf d.vmdk
  run strata convert -O raw x.ova out.raw
  run strata convert -O raw x.ovf out.raw
  run strata convert --no-verify -O raw x.ova out.raw
}
note 'digests of another file, in all spellings'
manifest "SHA256 ( d.vmdk ) = $zeros\n"
manifest "SHA256(d.vmdk)= $zeros\rSHA256(x.ovf)= $zeros\r"
note 'digests of files that there are not'
manifest "SHA256(d.vmdk.old)= $zeros\n"
note 'lines that are none'
manifest "SHA256(d\rvmdk)= $zeros\n"
note 'a manifest of another name'
rm x.mf
printf "SHA256(d.vmdk)= $zeros\n" >other.mf
tar --format=ustar -cf x.ova x.ovf other.mf d.vmdk
run strata convert -O raw x.ova out.raw
mv other.mf x.MF
run strata convert -O raw x.ovf out.raw
note 'an archive whose first header is damaged'
tar --format=ustar -cf x.ova x.ovf d.vmdk
bytes x.ova 150 39
run strata convert -O raw x.ova out.raw
run strata convert -f ova -O raw x.ova out.raw
note 'files in a folder'
mkdir folder
cp x.ovf d.vmdk folder
tar --format=ustar -cf folder.ova folder/x.ovf folder/d.vmdk
run strata convert -O raw folder.ova out.raw
note 'archives in other forms'
rm x.MF
tar --format=v7 -cf x.ova x.ovf d.vmdk
run strata convert -O raw x.ova out.raw
size_of out.raw
tar --format=ustar -cf x.ova d.vmdk x.ovf
run strata convert -O raw x.ova out.raw
size_of out.raw
gzip -c x.ova >x.ova.gz
run strata convert -O raw x.ova.gz out.raw
tar --format=ustar -cf x.ova x.ovf d.vmdk
gzip -c x.ova >x.ova.gz
run strata info x.ova.gz
present out.raw
tar --format=ustar -cf x.ova d.vmdk
run strata info x.ova
