// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Host
import Support
import Testing

@testable import Commands

/// What commands say of an image that turns out to be damaged while they work on it.
@Suite struct FailureLineTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.file("sample.qcow2") }

  /// A way to damage an image so that it can be opened all the same.
  struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var shape = SampleQcow2.Shape.plain
    var change: @Sendable (inout SampleQcow2) -> Void
  }

  static let damages: [Damage] = [
    Damage(testDescription: "L2 table not aligned") { $0.set64($0.l1, UInt64($0.l2 + 512) | 1 << 63) },
    Damage(testDescription: "cluster not aligned") { $0.set64($0.l2, UInt64($0.data + 512) | 1 << 63) },
    Damage(testDescription: "refcount block not aligned") {
      $0.set64($0.refcountTable, UInt64($0.refcountBlock + 512))
    },
    Damage(testDescription: "refcount block named twice") {
      $0.set64($0.refcountTable + 8, UInt64($0.refcountBlock))
    },
    Damage(testDescription: "nothing is counted") {
      $0.set($0.refcountBlock, [UInt8](repeating: 0, count: 64))
    },
    Damage(testDescription: "zeros in version 2", shape: .version2) {
      $0.set64($0.l2, UInt64($0.data) | 1 << 63 | 1)
    },
    Damage(testDescription: "compressed bytes", shape: .compressed) {
      $0.set($0.compressedData, [UInt8](repeating: 0x5a, count: 22))
    },
    Damage(testDescription: "compressed bytes past the end", shape: .compressed) {
      $0.set64($0.l2 + 24, 1 << 62 | 0x1000_0000)
    },
    Damage(testDescription: "L1 table of a snapshot", shape: .snapshot) {
      $0.set64($0.snapshotTable, 0x9200)
    },
    Damage(testDescription: "table of a bitmap", shape: .bitmaps) { $0.set64($0.bitmapTable, 0xa200) },
  ]

  /// Command lines; the image is `@`.
  static let lines = [
    "resize -f qcow2 @ +1M", "resize -f qcow2 --shrink @ 16k",
    "resize -f qcow2 --preallocation=metadata @ +1M",
    "amend -f qcow2 -o compat=0.10 @", "amend -f qcow2 -o compat=1.1,refcount_bits=64 @",
    "amend -f qcow2 -o size=32k @", "measure -O qcow2 @", "checksum @", "convert -O qcow2 @ out",
    "convert -O qcow2 --bitmaps @ out", "map --output=json @", "compare @ @", "dd if=@ of=out",
    "bench -c 1 -f qcow2 @", "bench -w -c 1 -f qcow2 @", "snapshot -c new @", "snapshot -a one @",
    "snapshot -d one @", "bitmap --add @ new", "bitmap --merge one @ two", "rebase -f qcow2 -b  @",
  ]

  @Test("a failure ends with a line that names program, image and reason", arguments: damages)
  func lastLine(_ damage: Damage) throws {
    var image = SampleQcow2(damage.shape)
    damage.change(&image)
    var failed = 0
    for line in Self.lines {
      try image.write(to: folder)
      failed += try expectName(in: line, for: ["@": path, "out": folder.file("out")], naming: [path]) ? 1 : 0
    }
    #expect(failed > 0)
  }

  /// Command lines on an image that cannot be read, `%`.
  static let readers = [
    "convert -O qcow2 % @", "convert -O raw % @", "convert --checksum -O raw % @", "convert -n -O raw % r",
    "checksum %", "checksum --plain %", "map --output=json %", "map %", "compare % r", "compare r %",
    "compare -s r %", "dd if=% of=@", "dd -O qcow2 if=% of=@", "bench -c 1 %", "measure -O qcow2 %",
  ]

  @Test("what cannot be read is named", arguments: ["read_aio", "none"])
  func unreadable(_ event: String) throws {
    let file = folder.file("r")
    try Files.write([UInt8](repeating: 1, count: 1 << 16), to: file)
    var failed = 0
    for line in Self.readers {
      try? FilePaths.remove(path)
      let fault = #"{"event":"\#(event)"}"#
      let storage = #"{"driver":"file","filename":"\#(file)"}"#
      let name =
        #"json:{"driver":"raw","file":{"driver":"blkdebug","inject-error":[\#(fault)],"image":\#(storage)}}"#
      failed += try expectName(in: line, for: ["@": path, "%": name, "r": file], naming: [file]) ? 1 : 0
    }
    #expect(failed > 8)
  }

  /// Command lines with wishes that cannot be granted, on a qcow2 image `@` without anything, a version 2 image with
  /// a snapshot `2`, and a raw one `r`.
  static let wishes = [
    "resize -f raw r -10M", "resize -f raw r 10k", "resize -f raw --preallocation=full r 10k",
    "resize -f raw --preallocation=metadata r 1M", "resize -f qcow2 @ 1E", "resize -f qcow2 2 +1M",
    "check -f raw r", "snapshot -c x r", "snapshot -a x r", "snapshot -d x r", "snapshot -a x @",
    "snapshot -d x @", "bitmap --add r x", "bitmap --remove @ x", "bitmap --merge y @ x",
    "bitmap --add -g 3 @ x", "amend -f raw -o x=y r", "amend -f qcow2 -o x=y @",
    "amend -f qcow2 -o cluster_size=4k @", "amend -f qcow2 -o refcount_bits=3 @",
    "rebase -f raw -F raw -b r r",
    "rebase -f raw -u -F raw -b @ r", "rebase -f qcow2 -F raw -b missing @", "rebase -f qcow2 -c -b  r",
    "commit -f raw r", "commit -f qcow2 @", "commit -f qcow2 -b missing @", "convert -c r -O raw new",
    "convert --bitmaps -O qcow2 r new", "convert -n -O raw @ s", "convert -l x @ new", "convert -l x r new",
    "convert -O vdi -c r new", "convert -O qcow2 -B @ -F raw missing new", "measure -l x -O qcow2 @",
    "dd -O raw osize=10 conv=notrunc if=r of=r", "bench -s 1G -c 1 -f raw r",
    "bench -w -U -c 1 -f raw r", "info --backing-chain --references=any far",
    "map --references=any far", "info --backing-chain near", "map --untrusted near", "check -f qcow2 r",
    "info missing", "inspect missing", "luks dump r", "luks header-backup r new", "graph missing",
    "create -f qcow2 -b missing -F raw new", "create -f raw missing/new 1M",
  ]

  @Test("a wish that cannot be granted is told with the image", arguments: wishes)
  func refused(_ line: String) throws {
    let names = [
      "@": path, "2": folder.file("old"), "r": folder.file("r"), "s": folder.file("s"),
      "far": folder.file("far"), "near": folder.file("near"), "new": folder.file("new"),
      "missing": folder.file("missing"), "missing/new": folder.file("missing/new"),
    ]
    var version2 = SampleQcow2(.snapshot)
    version2.set(7, [2])
    try Files.write(version2.bytes, to: folder.file("old"))
    try SampleQcow2(.plain).write(to: folder)
    try Files.write([UInt8](repeating: 1, count: 1 << 16), to: folder.file("r"))
    try Files.write([UInt8](repeating: 1, count: 512), to: folder.file("s"))
    for (name, backing) in [("far", "http://h/x"), ("near", "missing")] {
      #expect(
        Transcript(
          [
            "strata", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", backing, folder.file(name),
            "1M",
          ]
        ).status == 0)
    }
    let named = Array(names.values) + ["http://h/x"]
    #expect(try expectName(in: line, for: names, naming: named), "\(line) does not fail")
  }

  /// Runs a command line; where it fails, expects the last line to name the program and one of `files`.
  ///
  /// - Parameter names: what words of the line stand for.
  private func expectName(in line: String, for names: [String: String], naming files: [String]) throws -> Bool
  {
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map { word in
      let end = word.lastIndex(of: "=").map { word.index(after: $0) } ?? word.startIndex
      return String(word[..<end]) + (names[String(word[end...])] ?? String(word[end...]))
    }
    let run = Transcript(["strata"] + words)
    guard run.status != 0 else { return false }
    let lines = run.errors.split(separator: "\n").filter {
      !$0.hasPrefix("strata: hint: ") && !$0.hasPrefix("strata: warning: ")
    }
    let last = try #require(lines.last { $0.hasPrefix("strata: ") }, "\(line): \(run)")
    #expect(files.contains { last.contains($0) }, "\(line): \(run.errors)")
    #expect(!run.errors.contains("FILE"), "\(line): \(run.errors)")
    let standIn = Transcript(["qemu-img"] + words)
    #expect(!standIn.errors.contains("' is damaged: "), "\(line): \(standIn.errors)")
    return true
  }
}
