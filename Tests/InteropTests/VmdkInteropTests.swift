// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// VMDK images that we make are read by `qemu-img`, libvmdk and 7-Zip, and theirs by us.
@Suite struct VmdkInteropTests {
  static let subformats = [
    "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
  ]
  /// Lengths in bytes: less than a grain, ends inside one, and more than a table maps.
  static let lengths: [UInt64] = [512, 1 << 20 | 512, 40 << 20 | 1536]

  /// The disk as libvmdk reads it.
  private static let libvmdk = """
    import pyvmdk, sys
    handle = pyvmdk.handle()
    handle.open(sys.argv[1])
    handle.open_extent_data_files()
    left = handle.get_media_size()
    while left > 0:
        data = handle.read_buffer(min(left, 1 << 20))
        sys.stdout.buffer.write(data)
        left -= len(data)
    """

  @Test("ours, read by three others", arguments: subformats, lengths)
  func oursIsTheirs(_ subformat: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 21)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -f raw -O vmdk -o "subformat=$2" disk.raw image.vmdk
      qemu-img check -q image.vmdk
      "$1" check -q image.vmdk
      qemu-img compare -q -f raw -F vmdk disk.raw image.vmdk
      diff <(qemu-img info image.vmdk | grep -v '^disk') <("$1" info image.vmdk | grep -v '^disk')
      diff <(qemu-img map --output=json image.vmdk) <("$1" map --output=json image.vmdk | sed -E 's/, "compressed": (true|false)//')
      /usr/bin/python3 -c "$3" image.vmdk | cmp - disk.raw
      7zz e -so -tvmdk image.vmdk 2>/dev/null | cmp - disk.raw
      """, Programs.strata, "\(subformat)", VmdkInteropTests.libvmdk, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("theirs, read and written by us, and read by them again", arguments: subformats, lengths)
  func theirsIsOurs(_ subformat: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 22)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 23)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O vmdk -o "subformat=$2" disk.raw image.vmdk
      "$1" check -q image.vmdk
      "$1" compare -q -f raw -F vmdk disk.raw image.vmdk
      diff <(qemu-img info image.vmdk | grep -v '^disk') <("$1" info image.vmdk | grep -v '^disk')
      before=$(grep -a -m 1 -o 'CID=........' image.vmdk)
      "$1" convert -n -f raw -O vmdk other.raw image.vmdk
      [ "$before" != "$(grep -a -m 1 -o 'CID=........' image.vmdk)" ]
      qemu-img check -q image.vmdk
      qemu-img compare -q -f raw -F vmdk other.raw image.vmdk
      qemu-io -f vmdk -c 'write -q -P 7 0 512' image.vmdk >/dev/null
      "$1" check -q image.vmdk
      """, Programs.strata, subformat, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "streams of ours are read by three others, and are the same for any number of threads", arguments: lengths
  )
  func ourStreams(_ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 26)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -f raw -O vmdk -o subformat=streamOptimized disk.raw image.vmdk
      "$1" check -q image.vmdk
      "$1" compare -q -f raw -F vmdk disk.raw image.vmdk
      qemu-img check -q image.vmdk
      qemu-img compare -q -f raw -F vmdk disk.raw image.vmdk
      diff <(qemu-img info image.vmdk | grep -v '^disk') <("$1" info image.vmdk | grep -v '^disk')
      /usr/bin/python3 -c "$2" image.vmdk | cmp - disk.raw
      7zz e -so -tvmdk image.vmdk 2>/dev/null | cmp - disk.raw
      tail -c 512 image.vmdk | cmp - <(head -c 512 /dev/zero)
      mkdir one
      "$1" convert -m 1 -f raw -O vmdk -o subformat=streamOptimized disk.raw one/image.vmdk
      cmp <(sed 's/^CID=.*//' image.vmdk) <(sed 's/^CID=.*//' one/image.vmdk)
      "$1" create -q -f vmdk -o subformat=streamOptimized empty.vmdk $(($(stat -c %s disk.raw) + 100000512))
      "$1" convert -n -f raw -O vmdk disk.raw empty.vmdk
      qemu-img compare -q -f raw -F vmdk disk.raw empty.vmdk
      7zz t -tvmdk empty.vmdk >/dev/null
      # The short disks have zeros only: nothing was written yet.
      if [ -z "$(tr -d '\\0' <disk.raw | head -c 1)" ]; then exit 0; fi
      if "$1" convert -n -f raw -O vmdk disk.raw empty.vmdk 2>/dev/null; then echo changed; fi
      if "$1" bench -w -c 1 -f vmdk empty.vmdk 2>/dev/null >/dev/null; then echo changed; fi
      qemu-img compare -q -f raw -F vmdk disk.raw empty.vmdk
      """, Programs.strata, VmdkInteropTests.libvmdk, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("streams of qemu-img are read, and not changed", arguments: lengths)
  func streams(_ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 24)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw image.vmdk
      "$1" compare -q -f raw -F vmdk disk.raw image.vmdk
      "$1" convert -O raw image.vmdk back.raw
      cmp disk.raw back.raw
      diff <(qemu-img info image.vmdk | grep -v '^disk') <("$1" info image.vmdk | grep -v '^disk')
      ! "$1" convert -n -f raw -O vmdk disk.raw image.vmdk 2>/dev/null
      qemu-img compare -q -f raw -F vmdk disk.raw image.vmdk
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "chains of both, committed; one whose parent changed is refused",
    arguments: ["monolithicSparse", "twoGbMaxExtentSparse"])
  func chains(_ subformat: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 3 << 20, seed: 25)
    let outcome = Shell.run(
      """
      set -e
      "$1" convert -f raw -O vmdk disk.raw base.vmdk
      "$1" create -q -f vmdk -o "subformat=$2" -b base.vmdk -F vmdk ours.vmdk
      qemu-img create -q -f vmdk -o "subformat=$2" -b base.vmdk -F vmdk theirs.vmdk
      for image in ours theirs; do
        qemu-io -f vmdk -c 'write -q -P 5 1M 70000' $image.vmdk
        "$1" bench -q -w -c 4 -s 512 -o 2M -S 64k --pattern 9 -f vmdk $image.vmdk >/dev/null
      done
      "$1" compare -q ours.vmdk theirs.vmdk
      qemu-img compare -q ours.vmdk theirs.vmdk
      qemu-img convert -O raw ours.vmdk wanted.raw
      "$1" create -q -f qcow2 -b ours.vmdk -F vmdk top.qcow2
      qemu-img compare -q top.qcow2 wanted.raw
      "$1" commit -q ours.vmdk
      "$1" compare -q ours.vmdk wanted.raw
      qemu-img compare -q ours.vmdk wanted.raw
      "$1" compare -q -f vmdk -F raw base.vmdk wanted.raw
      "$1" map theirs.vmdk 2>&1 | grep -c 'no longer what this image was made upon'
      """, Programs.strata, subformat, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n"))
  }

  @Test("longer and shorter disks are read by three others, and written by one", arguments: subformats)
  func resized(_ subformat: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 40 << 20, seed: 27)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O vmdk -o "subformat=$2" disk.raw image.vmdk
      for size in 41 200 4500 4400; do
        "$1" resize -q --shrink image.vmdk ${size}M
        truncate -s ${size}M disk.raw
        qemu-io -f vmdk -c "write -q -P 7 $((size - 1))M 70000" image.vmdk
        qemu-io -f raw -c "write -q -P 7 $((size - 1))M 70000" disk.raw
        "$1" compare -q -f raw -F vmdk disk.raw image.vmdk
        qemu-img compare -q -f raw -F vmdk disk.raw image.vmdk
        "$1" check -q image.vmdk
        if [ $size = 200 ]; then
          /usr/bin/python3 -c "$3" image.vmdk | cmp - disk.raw
          7zz e -so -tvmdk image.vmdk 2>/dev/null | cmp - disk.raw
        fi
      done
      """, Programs.strata, subformat, VmdkInteropTests.libvmdk, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// An image of a descriptor and a part of the kind `VMFSSPARSE` that has all of its tables, over a parent.
  private static let cowd = """
    import struct, sys
    name, sectors, parent = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    tables = -(-sectors // 4096)
    head = bytearray(2048 + -(-tables * 4 // 512) * 512)
    struct.pack_into('<4s7I', head, 0, b'COWD', 1, 3, sectors, 1, 4, tables, len(head) // 512 + tables * 32)
    for table in range(tables):
        struct.pack_into('<I', head, 2048 + table * 4, len(head) // 512 + table * 32)
    open(name + '-delta.vmdk', 'wb').write(head + bytes(tables * 16384))
    lines = ['# Disk DescriptorFile', 'version=1', 'CID=12345678', 'parentCID=' + parent,
        'createType="vmfsSparse"', 'parentFileNameHint="base.vmdk"', f'RW {sectors} VMFSSPARSE "{name}-delta.vmdk"']
    open(name + '.vmdk', 'w').write('\\n'.join(lines) + '\\n')
    """

  @Test("of a stream of qemu-img that was cut, a repair keeps what is left", arguments: [200_000, 1_000_100])
  func cutStream(_ length: Int) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 4 << 20, seed: 33)
    let outcome = Shell.run(
      """
      head -c 4M /dev/urandom >>disk.raw
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw image
      truncate -s $2 image
      "$1" check image >/dev/null 2>&1; echo $?
      "$1" check -r all image >/dev/null 2>&1; echo $?
      "$1" check -q image; echo $?
      "$1" convert -f vmdk -O raw image ours.raw && qemu-img convert -f vmdk -O raw image theirs.raw && cmp ours.raw theirs.raw
      # Grains that are left are those of the disk.
      cmp -l ours.raw disk.raw | awk '$2 != 0' | wc -l
      """, Programs.strata, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "2\n0\n0\n0\n"))
  }

  @Test("parts of the kind VMFSSPARSE are read and written by both")
  func cowd() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 5 << 20, seed: 28)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O vmdk disk.raw base.vmdk
      cid=$(grep -a -m 1 -o '^CID=[0-9a-f]*' base.vmdk)
      for image in ours theirs; do /usr/bin/python3 -c "$2" $image $((5 * 2048)) ${cid#CID=}; done
      qemu-img compare -q -f vmdk -F raw ours.vmdk disk.raw
      "$1" compare -q -f vmdk -F raw ours.vmdk disk.raw
      diff <(qemu-img info ours.vmdk | grep -v '^disk') <("$1" info ours.vmdk | grep -v '^disk')
      for at in 0 1000k 3M 5118k; do
        qemu-io -f vmdk -c "write -q -P 5 $at 1536" theirs.vmdk
        "$1" bench -q -w -c 1 -s 1536 -o $at --pattern 5 -f vmdk ours.vmdk >/dev/null
      done
      qemu-io -f vmdk -c 'write -q -P 6 2M 300k' ours.vmdk
      "$1" bench -q -w -c 1 -s 300k -o 2M --pattern 6 -f vmdk theirs.vmdk >/dev/null
      for image in ours theirs; do "$1" check -q $image.vmdk; done
      "$1" compare -q ours.vmdk theirs.vmdk
      qemu-img compare -q ours.vmdk theirs.vmdk
      qemu-img convert -O raw ours.vmdk wanted.raw
      "$1" commit -q ours.vmdk
      qemu-img compare -q -f vmdk -F raw base.vmdk wanted.raw
      """, Programs.strata, VmdkInteropTests.cowd, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("streams are at most one hundredth larger than those of qemu-img")
  func streamSize() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      find /usr/lib/x86_64-linux-gnu /usr/share/doc -xdev -type f -size -2M -print0 | sort -z |
        xargs -0 cat 2>/dev/null | head -c 24M >disk.raw
      "$1" convert -f raw -O vmdk -o subformat=streamOptimized disk.raw ours.vmdk
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk.raw theirs.vmdk
      qemu-img compare -q -f raw -F vmdk disk.raw ours.vmdk
      ours=$(stat -c %s ours.vmdk)
      theirs=$(stat -c %s theirs.vmdk)
      [ $((ours * 100)) -le $((theirs * 101)) ] || echo "$ours against $theirs"
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
