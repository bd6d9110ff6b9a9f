// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// VDI images that we make are read by the peer and by 7-Zip, and theirs by us.
@Suite struct VdiInteropTests {
  /// Lengths in bytes: none, less than a block, one block, and some that end inside one.
  static let lengths: [UInt64] = [512, 1 << 20, 3 << 20, 1 << 20 | 512, 7 << 20 | 1536]
  static let options = ["static=off", "static=on", "preallocation=full", "preallocation=falloc"]

  @Test("ours, checked and read by the peer and by 7-Zip", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      ExchangeScript.functions + """
        made "$1" vdi "$2" image.vdi
        7zz e -so -tVDI image.vdi 2>/dev/null | cmp - disk.raw
        """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "theirs, read, written and checked by us, and read by them again",
    arguments: ["static=off", "static=on"], lengths)
  func theirsIsOurs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 12)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 13)
    let outcome = Shell.run(
      ExchangeScript.functions + """
        qemu-img convert -f raw -O vdi -o "$2" disk.raw image.vdi
        known "$1" vdi image.vdi
        diff <(qemu-img info image.vdi) <("$1" info image.vdi)
        changed "$1" vdi image.vdi "$3"
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test(
    "what was grown in steps until the map had to move, and cut again, is sound for the peer",
    arguments: ["static=off", "static=on"])
  func growth(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 5 << 20, seed: 14)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O vdi -o "$2" disk.raw image.vdi
      for size in 100M 200M 10G; do
        "$1" resize -q image.vdi "$size"
        qemu-img check -q image.vdi
      done
      "$1" resize -q --shrink image.vdi 5M
      qemu-img check -q image.vdi
      "$1" check -q image.vdi
      qemu-img compare -q -f raw -F vdi disk.raw image.vdi
      [[ $(stat -c %s image.vdi) -lt 10000000 ]]
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("damage is mended so that the peer has nothing to say")
  func repair() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 8 << 20, seed: 15)
    let outcome = Shell.run(
      """
      patch() { printf "$2" | dd of=image.vdi bs=1 seek=$1 conv=notrunc status=none; }
      qemu-img convert -f raw -O vdi -S 0 disk.raw sound.vdi
      for damage in '512 \\x03\\x00\\x00\\x00' '520 \\x63\\x00\\x00\\x00' '388 \\x63\\x00\\x00\\x00' '388 \\x00\\x00\\x00\\x00'; do
        cp sound.vdi image.vdi
        patch $damage
        "$1" check -q image.vdi 2>/dev/null; echo "check $?"
        "$1" check -q -r all image.vdi > /dev/null 2>&1; echo "repair $?"
        qemu-img check -q image.vdi; echo "peer $?"
        "$1" check -q image.vdi; echo "again $?"
      done
      """, Programs.strata, folder: folder.path)
    let each = "check 2\nrepair 0\npeer 0\nagain 0\n"
    #expect(outcome == Shell.Outcome(status: 0, output: each + each + each + each))
  }
}
