// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// VHDX images that we make are read by `qemu-img`, libvhdi and 7-Zip, and theirs by us.
@Suite struct VhdxInteropTests {
  /// Lengths in bytes: less than a block, some that end inside one, and more than one group of small blocks' entries.
  static let lengths: [UInt64] = [512, 1 << 20, 3 << 20 | 512, 17 << 20 | 1536]
  static let options = [
    "block_size=0", "block_size=1M,log_size=2M", "block_size=2M,subformat=fixed", "block_state_zero=off",
    "preallocation=full,block_size=1M",
  ]

  /// Reads a disk with libvhdi.
  static let vhdi = """
    vhdi() { /usr/bin/python3 -c '
    import pyvhdi, sys
    image = pyvhdi.file(); image.open(sys.argv[1])
    size = image.get_media_size(); done = 0
    while done < size:
        part = image.read_buffer(min(1 << 20, size - done)); sys.stdout.buffer.write(part); done += len(part)
    ' "$1"; }
    """

  @Test(
    "a disk without bytes is one for qemu-img, too, takes no room, and grows", arguments: ["1M", "8M", "64M"])
  func empty(_ block: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f vhdx -o block_size=$2 image.vhdx 0
      qemu-img info -f vhdx image.vhdx | grep '^virtual'
      qemu-img check -q -f vhdx image.vhdx
      [[ $(stat -c %b image.vhdx) -lt 1024 ]]
      "$1" check -q -f vhdx image.vhdx
      "$1" resize -q -f vhdx image.vhdx 5M
      qemu-io -f vhdx -c 'write -q -P 7 4M 1M' image.vhdx
      "$1" check -q -f vhdx image.vhdx
      """, Programs.strata, block, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "virtual size: 0 B (0 bytes)\n"))
  }

  @Test("ours, checked and read by qemu-img, libvhdi and 7-Zip", arguments: options, lengths)
  func oursIsTheirs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 11)
    let outcome = Shell.run(
      VhdxInteropTests.vhdi + "\n" + """
        set -e
        "$1" convert -f raw -O vhdx -o "$2" disk.raw image.vhdx
        qemu-img check -q image.vhdx
        "$1" check -q image.vhdx
        qemu-img compare -q -f raw -F vhdx disk.raw image.vhdx
        diff <(qemu-img info image.vhdx) <("$1" info image.vhdx)
        diff <(qemu-img info --output=json image.vhdx) <("$1" info --output=json image.vhdx)
        vhdi image.vhdx | cmp - disk.raw
        # 7-Zip opens no disks of other lengths, whoever made them.
        (($3 % 1048576)) || 7zz e -so -tVHDX image.vhdx 2>/dev/null | cmp - disk.raw
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "theirs, read, written and checked by us, and read by them again",
    arguments: ["block_size=0", "block_size=1M", "subformat=fixed,block_size=1M"], lengths)
  func theirsIsOurs(_ options: String, _ length: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 12)
    try SampleDisk.write(folder.file("other.raw"), length: length, seed: 13)
    let outcome = Shell.run(
      VhdxInteropTests.vhdi + "\n" + """
        set -e
        qemu-img convert -f raw -O vhdx -o "$2" disk.raw image.vhdx
        "$1" check -q image.vhdx
        "$1" compare -q -f raw -F vhdx disk.raw image.vhdx
        diff <(qemu-img info image.vhdx) <("$1" info image.vhdx)
        "$1" convert -n -f raw -O vhdx other.raw image.vhdx
        qemu-img check -q image.vhdx
        qemu-img compare -q -f raw -F vhdx other.raw image.vhdx
        vhdi image.vhdx | cmp - other.raw
        qemu-io -f vhdx -c 'write -q -P 7 0 512' image.vhdx > /dev/null
        "$1" resize -q -f vhdx image.vhdx +100M
        qemu-img check -q image.vhdx
        qemu-io -f vhdx -c 'read -P 7 0 512' -c "read -P 0 $3 100M" image.vhdx | grep -c 'Pattern verification' || true
        "$1" check -q -r leaks image.vhdx
        qemu-img check -q image.vhdx
        """, Programs.strata, options, "\(length)", folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "0\n"))
  }

  @Test("a map that has moved, and one of more than 4 GiB of small blocks, are theirs, too")
  func growth() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f vhdx -o block_size=1M image.vhdx 5G
      for at in 0 4095M 4096M 4097M; do qemu-io -f vhdx -c "write -q -P 9 $at 1M" image.vhdx > /dev/null; done
      "$1" check -q image.vhdx
      "$1" resize -q image.vhdx 300G
      for at in 4095M 4096M 299G; do
        "$1" dd -f vhdx -O raw if=image.vhdx of=part bs=1M count=1 skip=$((${at%[MG]} * (${#at} == 4 ? 1024 : 1))) 2>/dev/null
        cksum < part
      done
      qemu-img check -q image.vhdx
      qemu-io -f vhdx -c 'write -q -P 9 299G 1M' -c 'read -q -P 9 4095M 2M' -c 'read -q -P 0 4098M 1M' image.vhdx
      "$1" check -q image.vhdx
      "$1" resize -q --shrink image.vhdx 5G
      qemu-img check -q image.vhdx
      qemu-io -f vhdx -c 'read -q -P 9 4095M 2M' image.vhdx
      """, Programs.strata, folder: folder.path)
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test(
    "a program that is killed leaves an image that both read alike, once its log is replayed",
    arguments: 1...6)
  func killed(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 48 << 20, seed: seed)
    let outcome = Shell.run(
      """
      "$1" create -q -f vhdx -o block_size=1M image.vhdx 48M
      "$1" bench -q -w -c 400 -s 64k -S 128k --flush-interval=4 -f vhdx image.vhdx >/dev/null 2>&1 & pid=$!
      sleep 0.$((3 * $2))
      kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
      "$1" convert -O raw image.vhdx ours.raw || echo unread
      "$1" check -q image.vhdx; [[ $? = [03] ]] || echo broken
      cp image.vhdx theirs.vhdx
      qemu-img check -q -r all theirs.vhdx || echo unrepaired
      qemu-img compare -q -f raw -F vhdx ours.raw theirs.vhdx || echo other
      "$1" check -q -r all image.vhdx || echo unmended
      "$1" compare -q -f raw -F vhdx ours.raw image.vhdx || echo changed
      """, Programs.strata, "\(seed)", folder: folder.path)
    #expect(outcome.output == "")
  }

  @Test("children over theirs and ours, read by libvhdi and 7-Zip, committed and rebased")
  func children() throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 16 << 20, seed: 21)
    let outcome = Shell.run(
      """
      set -e
      cat > chain.py <<'END'
      import pyvhdi, sys
      base = pyvhdi.file(); base.open(sys.argv[2])
      image = pyvhdi.file(); image.open(sys.argv[1]); image.set_parent(base)
      sys.stdout.buffer.write(image.read_buffer(image.get_media_size()))
      END
      qemu-img convert -f raw -O vhdx -o block_size=1M disk.raw theirs.vhdx
      "$1" convert -f raw -O vhdx -o block_size=2M disk.raw ours.vhdx
      for base in theirs ours; do
        "$1" create -q -f vhdx -o block_size=1M -b $base.vhdx -F vhdx child.vhdx
        "$1" bench -q -w -c 9 -s 4608 -S 700416 --pattern 7 -f vhdx child.vhdx > /dev/null
        "$1" check -q child.vhdx
        "$1" convert -O raw child.vhdx wanted.raw
        cmp -s wanted.raw disk.raw && echo unwritten
        /usr/bin/python3 chain.py child.vhdx $base.vhdx | cmp - wanted.raw
        7zz e -so -tVHDX child.vhdx 2>/dev/null | cmp - wanted.raw
        cp $base.vhdx other.vhdx
        "$1" rebase -q -b other.vhdx -F vhdx child.vhdx
        "$1" compare -q -F raw child.vhdx wanted.raw
        "$1" commit -q child.vhdx
        qemu-img compare -q -f vhdx -F raw other.vhdx wanted.raw
        "$1" compare -q -F raw child.vhdx wanted.raw
        "$1" bench -q -w -c 3 -s 4096 --pattern 9 -f vhdx child.vhdx > /dev/null
        "$1" convert -O raw child.vhdx wanted.raw
        "$1" rebase -q -b '' child.vhdx
        qemu-img check -q child.vhdx
        qemu-img compare -q -f vhdx -F raw child.vhdx wanted.raw
        "$1" create -q -f vhdx -b $base.vhdx -F vhdx child.vhdx
        "$1" bench -q -w -c 1 -s 4096 -f vhdx $base.vhdx > /dev/null
        "$1" info --backing-chain child.vhdx > /dev/null
        "$1" compare -q child.vhdx child.vhdx 2>&1 | grep -c 'is not the parent of this image as it was'
        rm child.vhdx other.vhdx
      done
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n1\n"))
  }

  @Test("67 million entries that say zero are looked at together")
  func zeros() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      "$1" create -q -f vhdx -o block_size=1M,block_state_zero=on image.vhdx 64T
      timeout 30 "$1" check -q -r leaks image.vhdx || echo "check: $?"
      timeout 30 "$1" resize -q --shrink image.vhdx 63T || echo "resize: $?"
      timeout 30 "$1" check -q image.vhdx || echo "check: $?"
      "$1" map image.vhdx | wc -l
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n"))
  }

  @Test("64 TiB without data are made at once, and take little")
  func empty() throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      "$1" create -q -f vhdx image.vhdx 64T
      [[ $(stat -c %s image.vhdx) -le 16777216 ]]
      qemu-img check -q image.vhdx
      "$1" check -q image.vhdx
      "$1" map image.vhdx | wc -l
      """, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n"))
  }
}
