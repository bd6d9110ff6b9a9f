// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Images that others make and we only read.
@Suite struct ReadOnlyInteropTests {
  /// What is the same of every image: content, block status as far as it can be told, and copies to other formats.
  static let compare = """
    # same IMAGE RAW
    same() {
      "$strata" check -q "$1"
      "$strata" compare -q "$1" "$2"
      qemu-img compare -q "$1" "$2"
      diff <(qemu-img info "$1") <("$strata" info "$1")
      "$strata" convert -O raw "$1" copy.raw
      cmp copy.raw "$2"
      "$strata" convert -m 1 -O qcow2 "$1" one.qcow2
      "$strata" convert -c -m 8 -O qcow2 "$1" many.qcow2
      qemu-img compare -q one.qcow2 "$2"
      qemu-img compare -q many.qcow2 "$2"
      "$strata" inspect "$1" > /dev/null || [[ $? = 1 ]]
      [[ $("$strata" checksum "$1") = "$("$strata" checksum -f raw "$2" | sed "s|$2|$1|")" ]]
      qemu-io -r -c 'read -v 1000 3000' "$1" | sed '$d' > theirs
      "$strata" dd if="$1" of=part.raw bs=500 skip=3 count=7 > /dev/null 2>&1
      cmp <(head -c 5000 "$2" | tail -c 3500) <(head -c 3500 part.raw)
    }

    """

  @Test(
    "growing disks of bximage, of many lengths",
    arguments: [1, 10, 40, 100, 500])
  func bochs(_ mebibytes: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: min(mebibytes, 40) << 20, seed: mebibytes)
    let outcome = Shell.run(
      ReadOnlyInteropTests.compare + """
        set -e
        strata=$1
        truncate -s $2M disk.raw
        bximage -q -func=convert -imgmode=growing disk.raw image.bochs < /dev/null > /dev/null 2>&1
        same image.bochs disk.raw
        # What is stored lies where the map says.
        "$strata" map image.bochs | tail -n +2 | while read -r start length place file; do
          cmp -n $((length)) -i $((start)):$((place)) disk.raw image.bochs
        done
        # Back again.
        "$strata" convert -O raw image.bochs back.raw
        bximage -q -func=convert -imgmode=growing back.raw again.bochs < /dev/null > /dev/null 2>&1
        "$strata" compare -q image.bochs again.bochs
        """, Programs.strata, "\(mebibytes)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "disks of create_compressed_fs, with blocks of many lengths",
    arguments: [512, 4096, 65536, 1 << 20], [0, 700] as [UInt64])
  func cloop(_ blockSize: Int, _ rest: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 9 << 20 + rest, seed: UInt64(blockSize) + rest)
    let outcome = Shell.run(
      ReadOnlyInteropTests.compare + """
        set -e
        strata=$1
        create_compressed_fs -q -B $2 disk.raw image.cloop > /dev/null 2>&1
        # The last block is filled up.
        truncate -s %$2 disk.raw
        same image.cloop disk.raw
        # It crashes where blocks are larger.
        if (($2 <= 65536)); then
          extract_compressed_fs image.cloop theirs.raw > /dev/null 2>&1
          cmp theirs.raw disk.raw
        fi
        """, Programs.strata, "\(blockSize)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("no command takes more memory than for other formats")
  func memory() {
    let folder = TemporaryFolder()
    let commands = [
      "convert -m 16 -O raw packed.cloop new", "convert -m 16 -c -O qcow2 packed.cloop new",
      "compare packed.cloop half.raw", "checksum packed.cloop", "check packed.cloop",
      "dd if=packed.cloop of=new bs=64M", "bench -c 200 -s 4096 -S 5M packed.cloop",
    ]
    let outcome = Shell.run(
      MemoryTests.prelude + """
        sparse
        create_compressed_fs -q -B 1048576 half.raw packed.cloop >&2
        for command in "${@:2}"; do echo "$command"; peak "$strata" $command; rm -f new; done
        """, arguments: [Programs.strata] + commands, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: commands.map { $0 + "\n" }.joined()))
  }

  @Test("a table of four gigabytes takes neither memory nor, to look at it, time")
  func table() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      MemoryTests.prelude + """
        printf '#!/bin/sh\\n#V2.0 Format\\n' > image.cloop
        printf '\\0\\1\\0\\0\\37\\377\\377\\377' | dd of=image.cloop bs=1 seek=128 conv=notrunc
        truncate -s 5G image.cloop
        peak "$strata" info image.cloop
        peak "$strata" map --output=json -l 1T image.cloop
        timeout 5 "$strata" inspect image.cloop > /dev/null; echo $?
        timeout 5 "$strata" info image.cloop | grep -o '32 TiB'
        """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n32 TiB\n"))
  }
}
