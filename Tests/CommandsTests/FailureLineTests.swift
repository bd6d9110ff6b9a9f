// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

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
    "amend -f qcow2 -o size=32k @", "measure -O qcow2 @", "checksum @", "convert -O qcow2 @ @.out",
    "convert -O qcow2 --bitmaps @ @.out", "map --output=json @", "compare @ @", "dd if=@ of=@.out",
    "bench -c 1 -f qcow2 @", "bench -w -c 1 -f qcow2 @", "snapshot -c new @", "snapshot -a one @",
    "snapshot -d one @", "bitmap --add @ new", "bitmap --merge one @ two", "rebase -f qcow2 -b  @",
  ]

  @Test(
    "a failure ends with a line of the program, and damage that is told alone names the image",
    arguments: damages)
  func lastLine(_ damage: Damage) throws {
    var image = SampleQcow2(damage.shape)
    damage.change(&image)
    var failed = 0
    for line in Self.lines {
      try image.write(to: folder)
      let words = line.split(separator: " ", omittingEmptySubsequences: false).map {
        $0.contains("@")
          ? $0.split(separator: "@", omittingEmptySubsequences: false).joined(separator: path) : String($0)
      }
      let run = Transcript(["strata"] + words)
      guard run.status != 0 else { continue }
      failed += 1
      let lines = run.errors.split(separator: "\n").filter { !$0.hasPrefix("strata: hint: ") }
      let last = try #require(lines.last, "\(line): \(run)")
      #expect(last.hasPrefix("strata: "), "\(line): \(run.errors)")
      let isKnown = last.hasSuffix(": Input/output error") || Self.refusals.contains { last.contains($0) }
      #expect(isKnown || last.contains(path), "\(line): \(run.errors)")
      let standIn = Transcript(["qemu-img"] + words)
      #expect(!standIn.errors.contains("' is damaged: "), "\(line): \(standIn.errors)")
    }
    #expect(failed > 0)
  }

  /// What is no damage, but something that the image does not have or cannot do.
  static let refusals = [
    "not found", "No such file or directory", "active dirty bitmaps", "Can't resize", "Cannot downgrade",
    "Cannot store dirty bitmaps", "cannot have more than", "requires compatibility", "compatibility level",
    "lacks bitmap support", "Bitmap already exists", "Could not open ''", "snapshots",
  ]
}
