// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Apple's disk images, made by our own hand, read by other programs and by us.
@Suite struct DmgInteropTests {
  /// A disk of the sample's kind in a file, and an image of it.
  private func make(
    _ folder: TemporaryFolder, _ kinds: [DmgSample.Kind], chunk: Int = 262_144,
    length: UInt64 = 5 << 20 | 1536,
    _ change: (inout DmgSample) -> Void = { _ in }
  ) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: length, seed: 21)
    var sample = DmgSample(of: try Files.read(folder.file("disk.raw")), chunk: chunk, kinds)
    change(&sample)
    try Files.write(sample.bytes, to: folder.file("image.dmg"))
  }

  /// Ways of storing chunks, and the programs that know them all.
  static let kinds: [([DmgSample.Kind], String)] = [
    ([.zlib], "qemu 7zz dmg2img"), ([.raw], "qemu 7zz dmg2img"), ([.bzip2], "7zz dmg2img"), ([.xz], "7zz"),
    ([.adc], "dmg2img"), ([.zlib, .raw], "qemu 7zz dmg2img"), ([.zlib, .bzip2, .raw], "7zz dmg2img"),
    ([.zlib, .bzip2, .raw, .xz], "7zz"),
  ]

  @Test("each way of storing chunks, as others read it", arguments: kinds.indices, [65536, 1 << 20])
  func readers(_ number: Int, _ chunk: Int) throws {
    let (kinds, readers) = DmgInteropTests.kinds[number]
    let folder = TemporaryFolder()
    try make(folder, kinds, chunk: chunk)
    let outcome = Shell.run(
      """
      set -e
      strata=$1
      "$strata" check -q image.dmg
      "$strata" compare -q image.dmg disk.raw
      "$strata" convert -O raw image.dmg copy.raw
      cmp copy.raw disk.raw
      "$strata" convert -m 1 -O qcow2 image.dmg one.qcow2
      "$strata" convert -m 8 -O qcow2 image.dmg many.qcow2
      cmp one.qcow2 many.qcow2
      "$strata" convert -c -m 8 -O qcow2 image.dmg packed.qcow2
      qemu-img compare -q packed.qcow2 disk.raw
      "$strata" map image.dmg 2> /dev/null | tail -n +2 | while read -r start length place file; do
        cmp -n $((length)) -i $((start)):$((place)) disk.raw image.dmg
      done
      cat image.dmg > other
      "$strata" compare -q other disk.raw
      for reader in $2; do
        case $reader in
        qemu)
          qemu-img compare -q image.dmg disk.raw 2> /dev/null
          diff <(qemu-img info image.dmg 2> /dev/null) <("$strata" info image.dmg)
          diff <(qemu-img info --output=json image.dmg 2> /dev/null) <("$strata" info --output=json image.dmg)
          ;;
        7zz) 7zz e -so -tdmg image.dmg 2> /dev/null | cmp - disk.raw ;;
        dmg2img) dmg2img -s image.dmg theirs.raw > /dev/null 2>&1; cmp theirs.raw disk.raw ;;
        esac
      done
      """, Programs.strata, readers, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("a resource fork, a data fork further on, lines of base64, and bytes behind the trailer")
  func shapes() throws {
    for shape in ["fork", "lines", "more", "lead"] {
      let folder = TemporaryFolder()
      try make(folder, [.zlib, .raw]) { sample in
        switch shape {
        case "fork": sample.hasFork = true
        case "lines": sample.lineLength = 52
        case "more": sample.trail = 100
        default: sample.lead = 1024
        }
      }
      let outcome = Shell.run(
        """
        "$1" compare -q image.dmg disk.raw || echo ours
        "$1" check -q image.dmg || echo unsound
        # It rounds the file up to sectors, and may then not find a trailer with bytes behind it.
        [[ $2 == more ]] || qemu-img compare -q image.dmg disk.raw 2> /dev/null || echo theirs
        """, Programs.strata, shape, folder: folder.path)
      #expect(outcome == Shell.Outcome(status: 0, output: ""), "\(shape)")
    }
  }

  @Test("checksums are those that 7-Zip compares")
  func checksums() throws {
    let folder = TemporaryFolder()
    try make(folder, [.zlib, .ignored, .zero, .xz]) { $0.tables[0].checksum = 1 }
    let outcome = Shell.run(
      """
      7zz t -tdmg image.dmg 2>&1 | grep -o 'CRC Failed'
      "$1" check image.dmg 2>&1 | sed -n 's/.* is 0x\\(.*\\), should.*/\\1/p'
      """, Programs.strata, folder: folder.path)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 && lines.first == "CRC Failed", "\(outcome.output)")
    let sum = try #require(lines.last.flatMap { UInt32($0, radix: 16) })
    try make(folder, [.zlib, .ignored, .zero, .xz]) { $0.tables[0].checksum = sum }
    let sound = Shell.run(
      """
      7zz t -tdmg image.dmg 2>&1 | grep -o 'Everything is Ok'
      "$1" check -q image.dmg && echo sound
      """, Programs.strata, folder: folder.path)
    #expect(sound.output == "Everything is Ok\nsound\n")
  }

  @Test("an image of tables of partitions, as 7-Zip extracts it", arguments: [false, true])
  func partitions(_ isReversed: Bool) throws {
    let folder = TemporaryFolder()
    try make(folder, [.zlib]) { sample in
      let chunks = sample.tables[0].chunks.dropLast()
      // The first partition does not start where chunks of usual lengths would.
      var tables: [DmgSample.Table] = []
      for part in [0..<1, 1..<7, 7..<chunks.count] {
        let start = chunks[part.lowerBound].sector
        var own = Array(chunks[part])
        for index in own.indices { own[index].sector -= start }
        tables.append(DmgSample.Table(at: start, own))
      }
      sample.tables = isReversed ? tables.reversed() : tables
    }
    let outcome = Shell.run(
      """
      "$1" compare -q image.dmg disk.raw || echo ours
      "$1" check -q image.dmg || echo unsound
      7zz l -tdmg image.dmg 2> /dev/null | grep -c '3 files' || true
      """, Programs.strata, folder: folder.path)
    #expect(outcome.output == "1\n")
  }

  @Test("no command takes more memory than for other formats", arguments: [DmgSample.Kind.zlib, .xz])
  func memory(_ kind: DmgSample.Kind) throws {
    let folder = TemporaryFolder()
    // Half of each chunk is noise.
    try make(folder, [kind], chunk: 1 << 20, length: 48 << 20) { sample in sample.trail = 3 }
    let commands = [
      "convert -m 16 -O raw image.dmg new", "convert -m 16 -c -O qcow2 image.dmg new",
      "compare image.dmg disk.raw", "checksum image.dmg", "check image.dmg",
      "dd if=image.dmg of=new bs=64M",
      "bench -c 200 -s 4096 -S 5M image.dmg",
    ]
    let outcome = Shell.run(
      MemoryTests.peak + """
        for command in "${@:2}"; do echo "$command"; peak "$1" $command 2>/dev/null; rm -f new; done
        """, arguments: [Programs.strata] + commands, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: commands.map { $0 + "\n" }.joined()))
  }
}
