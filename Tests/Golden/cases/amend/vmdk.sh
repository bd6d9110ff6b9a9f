# beyond the peer: it cannot do any of this
# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

for subformat in monolithicSparse monolithicFlat streamOptimized; do
  qemu-img create -q -f vmdk -o subformat=$subformat a.vmdk 1G
  cp a.vmdk before.vmdk
  run strata amend -o adapter_type=lsilogic,hwversion=14,toolsversion=12352 a.vmdk
  grep -a '^ddb' a.vmdk
  cmp <(grep -a CID before.vmdk) <(grep -a CID a.vmdk)
  run strata amend -o adapter_type=ide a.vmdk
  grep -a '^ddb' a.vmdk
done
run strata amend -o adapter_type=pvscsi a.vmdk
grep -a '^ddb.a' a.vmdk
run strata amend -o adapter_type=scsi a.vmdk
run strata amend -o 'hwversion="' a.vmdk
run strata amend -o subformat=monolithicFlat a.vmdk
run strata amend -f vmdk -o help
grep -a '^ddb.a' a.vmdk
note 'a descriptor without a data base, with other line ends'
printf '# Disk DescriptorFile\r\nversion=1\r\nCID=12345678\r\nparentCID=ffffffff\r\ncreateType="custom"\r\nRW 2048 ZERO\r\n' >text.vmdk
run strata amend -o toolsversion=1 text.vmdk
cat -A text.vmdk
note 'no room'
qemu-img create -q -f vmdk b.vmdk 1M
end=$(LC_ALL=C grep -a -b -o 'toolsVersion = "2147483647"' b.vmdk)
# Where the number of the content has fewer digits, there is more of the rest.
cid=$(LC_ALL=C grep -a -o -m 1 '^CID=[0-9a-f]*' b.vmdk)
head -c $((9000 + 12 - ${#cid})) /dev/zero | tr '\0' '#' | dd of=b.vmdk bs=1 seek=$((${end%%:*} + 28)) conv=notrunc status=none
run strata amend -o toolsversion=123456789012345678901234567890 b.vmdk

note 'any key of the data base'
qemu-img create -q -f vmdk c.vmdk 1G
run strata amend -o 'ddb.toolsInstallType=4,ddb.uuid=60 00 C2 9c 00 00 00 00-00 00 00 00 00 00 00 01' c.vmdk
grep -a '^ddb' c.vmdk
run strata amend -o ddb.toolsinstalltype=2,ddb.uuid=,ddb.thinProvisioned=1 c.vmdk
grep -a '^ddb' c.vmdk
run qemu-img check c.vmdk
cp c.vmdk before.vmdk
for option in ddb.=1 ddb.adapterType=ide ddb.ToolsVersion=1 'ddb.a b=1' 'ddb.a"=1' $'ddb.a\n=1' 'ddb.a="x"' \
  $'ddb.a=1\nRW 1 ZERO' ddb.geometry.heads=x ddb.a=$(printf '%065d' 0) ddb.$(printf '%065d' 0)=1 ddb.a=é; do
  run strata amend -o "$option" c.vmdk
done
cmp c.vmdk before.vmdk
