# beyond the peer: advice is our own, and it takes appliances for raw disks
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

qemu-img create -q -f vmdk d.vmdk 1M
printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References><File ovf:href="d.vmdk" ovf:id="f"/></References><DiskSection><Disk ovf:capacity="1048576" ovf:diskId="d" ovf:fileRef="f"/></DiskSection></Envelope>\n' >x.ovf
tar --format=ustar -cf x.ova x.ovf d.vmdk
# A disk of one sector, stored in no chunk.
blank x.dmg 512
list='<plist><data>bWlzaA==</data></plist>'
printf '%s' "$list" >>x.dmg
blank koly 512
bytes koly 0 6b6f6c79 00000004 00000200
bytes koly 216 "$(printf '%016x%016x' 512 ${#list})"
bytes koly 492 0000000000000001
cat koly >>x.dmg
blank x.cloop 1M
printf '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n' | dd of=x.cloop conv=notrunc status=none
for image in x.ova x.ovf x.dmg x.cloop; do
  run strata rebase -b d.vmdk -F vmdk $image
  run strata rebase -u -b d.vmdk -F vmdk $image
done
