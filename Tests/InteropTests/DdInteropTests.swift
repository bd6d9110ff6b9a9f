// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// `dd` beside GNU dd and the peer.
@Suite struct DdInteropTests {
  @Test("any part, to any place: the same bytes as GNU dd's", arguments: 0..<12 as Range<UInt64>)
  func likeGNU(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    var numbers = SeededNumbers(seed: seed)
    try SampleDisk.write(folder.file("disk.raw"), length: 3 << 20 | 512, seed: seed)
    let size = [7, 512, 1000, 1999, 4096, 65536, 1 << 20].randomElement(using: &numbers) ?? 512
    let unit = max(1, (2 << 20) / size)
    var words = "bs=\(size)"
    if Bool.random(using: &numbers) { words += " skip=\(Int.random(in: 0...unit, using: &numbers))" }
    if Bool.random(using: &numbers) { words += " count=\(Int.random(in: 1...unit, using: &numbers))" }
    let seek = Bool.random(using: &numbers) ? " seek=\(Int.random(in: 0...unit, using: &numbers))" : ""
    let sparse = Bool.random(using: &numbers) ? "conv=sparse" : "conv=notrunc"
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 -o cluster_size=4k target 4M
      qemu-io -f qcow2 -c 'write -q -P 9 0 4M' target
      qemu-img convert -O raw target expected
      dd $2 $3 if=disk.raw of=expected conv=notrunc status=none
      truncate -s %512 expected
      "$1" dd -f raw -O qcow2 $2 $3 conv=notrunc,${4#conv=} if=disk.raw of=target
      qemu-img check -q target
      qemu-img compare -q -f raw -F qcow2 expected target
      dd $2 if=disk.raw of=plain status=none
      cat disk.raw | "$1" dd $2 if=- of=- | cmp - plain
      "$1" dd -f raw $2 if=disk.raw of=- | cmp - plain
      truncate -s %512 plain
      "$1" dd -f raw -O qcow2 $2 $4 if=disk.raw of=new
      qemu-img check -q new
      "$1" dd -f qcow2 if=new of=- | cmp - plain
      cat disk.raw | "$1" dd -O qcow2 $2 $4 if=- of=piped
      qemu-img check -q piped
      "$1" dd if=piped of=- | cmp - plain
      """, Programs.strata, words, seek, sparse, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(words)\(seek) \(sparse)")
  }

  @Test(
    "bytes of a raw target that are not asked for stay, and its length is GNU dd's",
    arguments: 0..<40 as Range<UInt64>)
  func oddLengths(_ seed: UInt64) throws {
    let folder = TemporaryFolder()
    var numbers = SeededNumbers(seed: seed)
    func oneOf<Value>(_ values: [Value]) throws -> Value {
      try #require(values.randomElement(using: &numbers))
    }
    let lengths = [1, 100, 511, 512, 513, 1000, 4096, 5000, 70001]
    let (source, target) = (try oneOf(lengths), try oneOf(lengths))
    let size = try oneOf([1, 7, 100, 512, 1000, 4096])
    var words = "bs=\(size) seek=\(try oneOf([0, 0, 1, 3, 100, target / size]))"
    if Bool.random(using: &numbers) { words += " skip=\(try oneOf([1, 5, source / size / 2]))" }
    if Bool.random(using: &numbers) { words += " count=\(try oneOf([1, 2, 5, 100]))" }
    let sparse = Bool.random(using: &numbers) ? ",sparse" : ""
    let outcome = Shell.run(
      """
      set -e
      { yes | head -c $(($2 / 2)); head -c $(($2 - $2 / 2)) /dev/zero; } > disk.raw
      yes no | head -c $3 | tee expected piped > target
      dd $4 if=disk.raw of=expected conv=notrunc status=none 2>/dev/null
      "$1" dd -f raw -O raw $4 conv=notrunc$5 if=disk.raw of=target 2>/dev/null
      cmp expected target
      cat disk.raw | "$1" dd -O raw $4 conv=notrunc$5 if=- of=piped 2>/dev/null
      cmp expected piped
      """, Programs.strata, "\(source)", "\(target)", words, sparse, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(source) \(target) \(words)\(sparse)")
  }

  @Test(
    "X-02 J-06 a dd that is ended early leaves nothing, also while it waits",
    arguments: ["TERM", "INT", "KILL"])
  func killed(_ signal: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set +m
      mkdir out
      echo before > out/old
      for target in new old; do
        { printf x; sleep 5; } | env --default-signal=INT "$1" dd -O qcow2 if=- of=out/$target 2>/dev/null &
        sleep 0.5
        kill -"$2" $!
        wait $! && echo "ended well"
      done 2>/dev/null
      ls -A out
      cat out/old
      """, Programs.strata, signal, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: "old\nbefore\n"))
  }

  @Test(
    "the checksum of an image is that of its copy in any form", arguments: ConvertInteropTests.creationOptions
  )
  func checksums(_ options: String) throws {
    let folder = TemporaryFolder()
    try SampleDisk.write(folder.file("disk.raw"), length: 5 << 20 | 1024, seed: 31)
    let outcome = Shell.run(
      """
      set -e
      qemu-img convert -f raw -O qcow2 -o "$2" disk.raw image
      sum() { "$1" checksum "${@:2}" | cut -d ' ' -f 1; }
      [ "$(sum "$1" -f raw disk.raw)" = "$(sum "$1" -f qcow2 image)" ]
      [ "$(sha256sum < disk.raw | cut -d ' ' -f 1)" = "$(sum "$1" --plain -f qcow2 image)" ]
      "$1" convert --verify --checksum -f qcow2 -O raw image back >out
      [ "$(cut -d ' ' -f 1 out)" = "$(sum "$1" -f raw disk.raw)" ]
      cmp disk.raw back
      """, Programs.strata, options, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}
