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
}
