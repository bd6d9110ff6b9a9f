# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

# beyond the peer: it follows absolute names, aborts without a part that can be written, and reads tables anywhere.
# first CMD... shows how it ends, and the first lines of what it says.
first() {
  local text status=0
  text=$("$@" 2>&1) || status=$?
  head -n 4 <<<"$text" | sed -E 's/(CID is) [0-9a-f]+/\1 N/g'
  return "$status"
}
qemu-img create -q -f vmdk sound.vmdk 4M
qemu-io -f vmdk -c 'write -q -P 7 0 128k' sound.vmdk
# damaged NAME OFFSET HEX... makes a copy of the image that has other bytes there.
damaged() {
  cp sound.vmdk "$1"
  bytes "$@"
  run first strata check "$1"
}
damaged magic.vmdk 0 00
damaged version.vmdk 4 04
damaged capacity.vmdk 19 7f
damaged long.vmdk 12 00 00 00 01
damaged grain.vmdk 20 00
damaged grain-3.vmdk 20 03
damaged grain-huge.vmdk 20 00 00 00 01
damaged descriptor.vmdk 28 00 00 00 00 00 00 00 7f
damaged no-descriptor.vmdk 28 00
damaged descriptor-long.vmdk 36 ff ff ff
damaged descriptor-huge.vmdk 36 00 00 00 00 00 00 00 80
damaged descriptor-past-end.vmdk 28 00 ff
damaged table.vmdk 44 00 00
damaged table-large.vmdk 44 01 02
damaged second.vmdk 48 ff ff ff ff
damaged directory.vmdk 56 ff ff ff
damaged directory-0.vmdk 56 00
bytes long.vmdk 48 19
run first strata check long.vmdk
damaged at-end.vmdk 56 ff ff ff ff ff ff ff ff
damaged overhead.vmdk 64 ff ff
damaged unclean.vmdk 72 01
damaged newlines.vmdk 73 0d 0a
damaged compressed.vmdk 10 01
damaged compressed-grain.vmdk 10 01
bytes compressed-grain.vmdk 20 01 40
run first strata check compressed-grain.vmdk
damaged algorithm.vmdk 10 01 00
bytes algorithm.vmdk 77 07
run first strata check algorithm.vmdk
# The directory is at sector 26, its table at 27.
damaged table-in-header.vmdk 13312 01
damaged table-past-end.vmdk 13312 00 00 00 7f
damaged no-table.vmdk 13312 00
damaged grain-in-text.vmdk 13824 01
damaged grain-in-table.vmdk 13824 1b
damaged grain-past-end.vmdk 13824 80 00 00 ff
damaged grain-twice.vmdk 13824 00 01
run first strata check -r all grain-twice.vmdk
run first strata check grain-twice.vmdk
run first strata check -r all grain-past-end.vmdk
note 'the second directory counts where the first is damaged'
qemu-img convert -O raw sound.vmdk sound.raw
for image in directory no-table; do
  run first strata compare "$image.vmdk" sound.raw
done
truncate -s 300 short.vmdk
cp sound.vmdk cut.vmdk
truncate -s 100k cut.vmdk
run first strata check cut.vmdk

# described TEXT makes an image of a descriptor.
described() {
  printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType="custom"\n%b' "$1" >text.vmdk
  note "$1"
  run first strata map text.vmdk
}
mkdir -p inner
blank flat 1M
blank inner/flat 1M
ln -s flat link
qemu-img create -q -f vmdk part.vmdk 1M
described 'RW 2048 FLAT "flat" 0\n'
described 'RW 1024 FLAT "inner/flat" 1024\nRW 64 ZERO\nRDONLY 1024 FLAT "flat" 0\nNOACCESS 64 ZERO\n'
described 'RW 2048 VMFS "flat"\n'
described 'rw 2048 flat flat 0\r\n'
described 'RW 4096 FLAT "flat" 0\n'
described 'RW 2048 FLAT "flat" 1024\n'
described 'RW 2048 FLAT "flat"\n'
described 'RW 2048 FLAT ""\n'
described 'RW 2048 FLAT "flat\n'
described 'RW -1 FLAT "flat" 0\n'
described 'RW 99999999999999999999 FLAT "flat" 0\n'
described 'RW 9223372036854775807 FLAT "flat" 0\n'
described 'RW 18014398509481983 ZERO\nRW 18014398509481983 ZERO\n'
described 'RW 2048 SESPARSE "flat"\n'
described 'RW 2048 VMFSRDM "flat"\n'
described 'RW 2048 FLAT "/etc/hostname" 0\n'
described 'RW 2048 FLAT "../flat" 0\n'
described 'RW 2048 FLAT "inner/../../flat" 0\n'
described 'RW 2048 FLAT "link" 0\n'
described 'RW 2048 FLAT "nbd://localhost/x" 0\n'
described 'RW 2048 FLAT "json:{}" 0\n'
described 'RW 2048 FLAT "/dev/zero" 0\n'
described 'RW 2048 FLAT "text.vmdk" 0\n'
described 'RW 2048 FLAT "missing" 0\n'
described 'RW 2048 SPARSE "part.vmdk"\n'
described 'RW 4096 SPARSE "part.vmdk"\n'
described 'RW 2048 SPARSE "text.vmdk"\n'
described 'RW 2048 SPARSE "flat"\n'
described ''
note 'a text without a type'
printf '# Disk DescriptorFile\nversion=1\nRW 2048 ZERO\n' >text.vmdk
run first strata info text.vmdk
note 'a parent that is another image now'
qemu-img create -q -f vmdk base.vmdk 1M
qemu-img create -q -f vmdk -b base.vmdk -F vmdk top.vmdk
qemu-io -f vmdk -c 'write -q 0 64k' base.vmdk
run first strata map top.vmdk
note 'parents that are the image itself, stand in a circle, or are none'
# parented NAME PARENT makes an image of a descriptor with a parent.
parented() {
  printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=12345678\ncreateType="custom"\nparentFileNameHint="%s"\nRW 2048 ZERO\n' "$2" >"$1"
}
parented self.vmdk self.vmdk
run first strata info --backing-chain self.vmdk
run first strata map self.vmdk
parented one.vmdk two.vmdk
parented two.vmdk one.vmdk
run first strata info --backing-chain one.vmdk
run first strata map one.vmdk
for parent in flat missing.vmdk nbd://localhost/x 'json:{}' /dev/null inner; do
  parented odd.vmdk "$parent"
  run first strata map odd.vmdk
done
note 'parts that are no files'
mkfifo fifo
ln -s dangling dangling
described 'RW 2048 FLAT "fifo" 0\n'
described 'RW 2048 FLAT "inner" 0\n'
described 'RW 2048 FLAT "dangling" 0\n'
described 'RW 2048 SPARSE "fifo"\n'
note 'a part of another kind'
described 'RW 2048 VMFSSPARSE "flat"\n'
described 'RW 2048 VMFSSPARSE "text.vmdk"\n'
printf 'COWD' >cowd
truncate -s 1M cowd
described 'RW 2048 VMFSSPARSE "cowd"\n'
bytes cowd 4 01 00 00 00
described 'RW 2048 VMFSSPARSE "cowd"\n'
bytes cowd 12 00 08 00 00 01 00 00 00 04 00 00 00 01 00 00 00
described 'RW 2048 VMFSSPARSE "cowd"\n'
described 'RW 4096 VMFSSPARSE "cowd"\n'
bytes cowd 20 ff ff ff 7f
described 'RW 2048 VMFSSPARSE "cowd"\n'
