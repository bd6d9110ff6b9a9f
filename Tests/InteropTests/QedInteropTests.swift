// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// QED images that we make are read by `qemu-img`, and theirs by us.
@Suite struct QedInteropTests {
  /// Lengths in bytes: less than a cluster, some that end inside one, and more than a small table maps.
  static let lengths: [UInt64] = [512, 1 << 20, 1 << 20 | 512, 7 << 20 | 1536]
  /// Tables of one cluster are not among them: `qemu-img` makes such images and does not open them.
  static let options = [
    "cluster_size=65536", "cluster_size=4k,table_size=2", "cluster_size=1M,table_size=16",
    "preallocation=full",
  ]

  @Test("ours, checked and read by qemu-img", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      ExchangeScript.functions + """
        made "$1" qed "$2" image.qed
        alike "$1" image.qed
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
        qemu-img convert -f raw -O qed -o "$2" disk.raw image.qed
        known "$1" qed image.qed
        alike "$1" image.qed
        changed "$1" qed image.qed "$3"
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test("chains of both, committed and rebased")
  func chains() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("base.raw"), length: 3 << 20, seed: 14)
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f qed -b base.raw -F raw ours.qed 5M
      qemu-img create -q -f qed -b base.raw -F raw theirs.qed 5M
      cmp <(head -c 128 ours.qed) <(head -c 128 theirs.qed)
      for image in ours theirs; do
        qemu-io -f qed -c 'write -q -P 5 1M 70000' -c 'write -q -z 2M 128k' $image.qed
      done
      "$1" compare -q ours.qed theirs.qed
      diff <(qemu-img map --output=json ours.qed) <("$1" map --output=json ours.qed | sed 's/, "compressed": false//')
      qemu-img convert -O raw theirs.qed wanted.raw
      "$1" create -q -f qcow2 -b ours.qed -F qed top.qcow2
      qemu-img compare -q top.qcow2 wanted.raw
      "$1" rebase -q -b '' theirs.qed
      qemu-img check -q theirs.qed
      qemu-img compare -q theirs.qed wanted.raw
      "$1" commit -q ours.qed
      qemu-img check -q ours.qed
      qemu-img compare -q -F raw ours.qed wanted.raw
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("damage and leaks are mended so that qemu-img has nothing to say")
  func repair() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      head -c 8M /dev/urandom > disk.raw
      patch() { printf "$2" | dd of=image.qed bs=1 seek=$1 conv=notrunc status=none; }
      qemu-img convert -f raw -O qed -S 0 disk.raw sound.qed
      for damage in '2424840 \\x00\\x00\\x0a' '2424840 \\x01\\x02' '2424840 \\x00\\x00\\x00\\x00\\x10' '2424840 \\x00\\x00\\x00' '2424840 \\x00\\x00\\x01'; do
        cp sound.qed image.qed
        patch $damage
        "$1" check -q image.qed 2>/dev/null; [[ $? = [23] ]] || echo "check"
        "$1" check -q -r all image.qed > /dev/null 2>&1; echo "repair $?"
        qemu-img check -q image.qed; echo "peer $?"
        "$1" check -q image.qed; echo "again $?"
      done
      """, Programs.strata, folder: folder.path)
    let each = "repair 0\npeer 0\nagain 0\n"
    #expect(outcome == Shell.Outcome(status: 0, output: String(repeating: each, count: 5)))
  }

  @Test("a program that is killed leaves an image that qemu-img finds sound or leaking", arguments: 1...4)
  func killed(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 32 << 20, seed: seed)
    let outcome = Shell.run(
      """
      "$1" create -q -f qed -o cluster_size=4k,table_size=2 image.qed 32M
      "$1" convert -n -f raw -O qed disk.raw image.qed & pid=$!
      sleep 0.0$2
      kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
      qemu-img check -q image.qed 2>/dev/null; [[ $? = [03] ]] || echo broken
      qemu-io -f qed -c 'write -q 0 512' image.qed
      # qemu-img finds leaks in some sound images, also of its own.
      "$1" check -q -r all image.qed; qemu-img check -q image.qed; [[ $? = [03] ]] || echo broken
      "$1" check -q image.qed || echo unsound
      """, Programs.strata, "\(seed)", folder: folder.path)
    #expect(outcome.output == "")
  }
}
