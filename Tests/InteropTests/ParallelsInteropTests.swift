// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Parallels images that we make are read by `qemu-img`, and theirs by us.
@Suite struct ParallelsInteropTests {
  /// Lengths in bytes: less than a cluster, some that end inside one, and more.
  static let lengths: [UInt64] = [512, 1 << 20, 7 << 20 | 1536]
  static let options = [
    "cluster_size=1M", "cluster_size=32256", "cluster_size=1000", "cluster_size=3M,preallocation=full",
  ]

  @Test("ours, checked and read by qemu-img", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      ExchangeScript.functions + """
        made "$1" parallels "$2" image.hds
        alike "$1" image.hds
        diff <(qemu-img check image.hds) <("$1" check image.hds)
        """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("theirs, read, written and checked by us, and read by them again", arguments: options, lengths)
  func theirsIsOurs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 12)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 13)
    let outcome = Shell.run(
      ExchangeScript.functions + """
        qemu-img convert -f raw -O parallels -o "$2" disk.raw image.hds
        known "$1" parallels image.hds
        alike "$1" image.hds
        changed "$1" parallels image.hds "$3"
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test("an image of the old kind is as its twin to both, also after we wrote to it")
  func old() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 3 << 20, seed: 15)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O parallels -o cluster_size=32256 disk.raw new.hds
      python3 - <<'END'
      import struct
      b = bytearray(open('new.hds', 'rb').read())
      b[:16] = b'WithoutFreeSpace'
      for i in range(struct.unpack_from('<I', b, 32)[0]):
          e, = struct.unpack_from('<I', b, 64 + 4 * i)
          struct.pack_into('<I', b, 64 + 4 * i, e * 63)
      struct.pack_into('<I', b, 40, 0xffffffff)
      open('old.hds', 'wb').write(b)
      END
      qemu-img compare -q new.hds old.hds
      "$1" compare -q new.hds old.hds
      "$1" check -q old.hds
      qemu-io -f parallels -c 'write -q -P 9 1M 100k' new.hds
      "$1" create -q -f raw patch.raw 100k
      "$1" dd -q -f raw -O raw if=disk.raw of=patch.raw bs=100k count=1 2>/dev/null || true
      "$1" convert -n -f raw -O parallels disk.raw old.hds
      qemu-img check -q old.hds
      qemu-img compare -q -f raw disk.raw old.hds
      "$1" resize -q -f parallels old.hds 2G
      qemu-img check -q old.hds
      qemu-io -f parallels -c 'write -q -P 9 1999M 100k' old.hds
      "$1" check -q old.hds
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("damage is told in the words and figures of qemu-img, and mended so that it has nothing to say")
  func repair() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      p() { printf "$2" | dd of=image.hds bs=1 seek=$1 conv=notrunc status=none; }
      qemu-img create -q -f parallels -o cluster_size=64k sound.hds 4M
      qemu-io -f parallels -c 'write -q -P 1 0 64k' -c 'write -q -P 2 1M 64k' -c 'write -q -P 3 3M 64k' sound.hds
      both() {
        echo "$1"
        for what in '' '--output=json' '-r leaks' '-r all'; do
          cp image.hds a.hds; cp image.hds b.hds
          qemu-img check $what a.hds > a 2>&1; echo $? >> a
          "$2" check $what b.hds > b 2>&1; echo $? >> b
          sed -i 's/"filename.*//' a; sed -i 's/"filename.*//' b
          diff a b
        done
        qemu-img check -q b.hds; echo "theirs $?"
        "$2" check -q b.hds; echo "ours $?"
      }
      cp sound.hds image.hds; p 44 '\\x59\\x6e\\x6f\\x74'; both unclosed "$1"
      cp sound.hds image.hds; p 256 '\\x77'; both outside "$1"
      cp sound.hds image.hds; p 259 '\\x77'; both far "$1"
      cp sound.hds image.hds; truncate -s 400000 image.hds; both leaked "$1"
      cp sound.hds image.hds; p 44 '\\x59\\x6e\\x6f\\x74'; p 256 '\\x77'; truncate -s 300000 image.hds; both all "$1"
      cp sound.hds image.hds; p 64 '\\x00'; p 128 '\\x00'; p 256 '\\x00'; both empty "$1"
      """, Programs.strata, folder: folder.path)
    let sound = "theirs 0\nours 0\n"
    let names = ["unclosed", "outside", "far", "leaked", "all", "empty"]
    #expect(outcome.output == names.map { "\($0)\n\(sound)" }.joined())
  }

  @Test("a file that is cut short is damage, which qemu-img passes over unless a cluster is gone as a whole")
  func short() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f parallels -o cluster_size=64k image.hds 4M
      qemu-io -f parallels -c 'write -q -P 1 0 64k' -c 'write -q -P 2 1M 64k' image.hds
      truncate -s -1 image.hds
      "$1" check image.hds 2>&1 | grep outside
      "$1" check -q -r all image.hds > /dev/null 2>&1; echo "repair $?"
      qemu-img check -q image.hds; echo "theirs $?"
      "$1" check -q image.hds; echo "ours $?"
      qemu-io -r -f parallels -c 'read -q -P 2 1M 65535' image.hds
      """, Programs.strata, folder: folder.path)
    #expect(outcome.output == "ERROR cluster 16 is outside image\nrepair 0\ntheirs 0\nours 0\n")
  }

  @Test("what qemu-img does not look for is mended, too, and it finds nothing afterwards")
  func beyond() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f parallels -o cluster_size=64k sound.hds 4M
      qemu-io -f parallels -c 'write -q -P 1 0 64k' -c 'write -q -P 2 1M 64k' -c 'write -q -P 3 3M 64k' sound.hds
      for damage in '64 \\x02' '48 \\x00' '48 \\xff\\xff\\xff\\xff' '64 \\x00' '64 \\x04' '56 \\x01'; do
        cp sound.hds image.hds
        set -- "$1" $damage
        printf "$3" | dd of=image.hds bs=1 seek=$2 conv=notrunc status=none
        "$1" check -q image.hds 2>/dev/null; [[ $? = [023] ]] || echo check
        "$1" check -q -r all image.hds > /dev/null 2>&1; echo "repair $?"
        qemu-img check -q image.hds; echo "peer $?"
        "$1" check -q image.hds; echo "again $?"
        qemu-io -r -f parallels -c 'read -P 3 3M 64k' image.hds | grep -c 'Pattern verification'
      done
      """, Programs.strata, folder: folder.path)
    #expect(outcome.output == String(repeating: "repair 0\npeer 0\nagain 0\n0\n", count: 6))
  }

  @Test("an empty image takes next to nothing and no time, however long its disk is")
  func huge() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f parallels image.hds 1T
      [[ $(stat -c %b image.hds) -le 128 ]]
      qemu-img info image.hds | grep -o '1 TiB'
      "$1" create -q -f parallels huge.hds 64T
      [[ $(stat -c %b huge.hds) -le 128 ]]
      for verb in info map check 'measure -O qcow2' inspect; do timeout 2 "$1" $verb huge.hds > /dev/null; done
      timeout 5 "$1" convert -O qcow2 huge.hds small.qcow2
      [[ $(stat -c %s small.qcow2) -lt 100000000 ]]
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1 TiB\n"))
  }

  @Test(
    "a program that is killed leaves an image that says so, and that a repair makes sound", arguments: 1...3)
  func killed(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 32 << 20, seed: seed)
    let outcome = Shell.run(
      """
      # qemu-img takes a map that is longer than a cluster for lost space while nothing is stored.
      "$1" create -q -f parallels -o cluster_size=64k image.hds 32M
      "$1" convert -n -f raw -O parallels disk.raw image.hds & pid=$!
      sleep 0.0$2
      kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
      qemu-img check -q image.hds 2>/dev/null; [[ $? = [023] ]] || echo broken
      "$1" check -q -r all image.hds > /dev/null 2>&1 || echo "not mended"
      qemu-img check -q image.hds || echo unsound
      "$1" check -q image.hds || echo unsound
      """, Programs.strata, "\(seed)", folder: folder.path)
    #expect(outcome.output == "")
  }

  @Test(
    "on a full disk, an image is closed as it was before the entries that found no room", arguments: 0...5)
  func full(_ pages: Int) throws {
    let folder = TemporaryFolder()
    // A map of 4 MiB that is a hole: also entries need room.
    let outcome = Mounts.run(
      """
      set -e
      for ((i = 0; i < 600; i++)); do
        printf %4096s x | dd of=disk.raw bs=50M seek=$((7 * i)) conv=notrunc status=none
      done
      truncate -s 1T disk.raw
      head -c $(($2 * 4096)) /dev/zero | tr '\\0' x > small/pad
      "$1" create -q -f parallels small/image.hds 1T
      "$1" convert -n -f raw -O parallels disk.raw small/image.hds 2>&1 | grep -o 'No space left'
      qemu-img check -q -f parallels small/image.hds
      "$1" check -q small/image.hds
      """, mount: "-t tmpfs -o size=1M none", Programs.strata, "\(pages)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "No space left\n"))
  }
}
