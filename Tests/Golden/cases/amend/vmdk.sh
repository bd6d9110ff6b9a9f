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
printf '#%.0s' {1..9000} | dd of=b.vmdk bs=1 seek=$((${end%%:*} + 28)) conv=notrunc status=none
run strata amend -o toolsversion=123456789012345678901234567890 b.vmdk
