// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Support
import Testing

/// Small valid images with random changes: nothing may trap, whatever stands in them.
@Suite struct CheckMutationTests {
  private let folder = TemporaryFolder()

  /// Values that programs stumble over.
  private static let notable: [UInt64] = [
    0, 1, 2, 7, 511, 512, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 56, (1 << 56) - 512,
    1 << 62, 1 << 63, .max, .max - 511, 0x7fff_ffff_c000_0000, 0x7fff_ffff_ffff_fe00,
  ]

  /// Changes one to four places: bytes, bits, or whole fields of tables and header.
  static func mutate(_ image: inout SampleQcow2, _ numbers: inout SeededNumbers) {
    let fields = [
      0, image.refcountTable, image.refcountBlock, image.l1, image.l2, image.l2, image.snapshotL1,
      image.snapshotTable,
    ]
    for _ in 0..<Int.random(in: 1...4, using: &numbers) {
      let table = fields[Int.random(in: 0..<fields.count, using: &numbers)]
      let reach = table == 0 ? 160 : 80
      let offset = table + Int.random(in: 0..<reach, using: &numbers)
      guard offset + 8 < image.bytes.count else { continue }
      let value = CheckMutationTests.notable[
        Int.random(in: 0..<CheckMutationTests.notable.count, using: &numbers)]
      switch Int.random(in: 0..<6, using: &numbers) {
      case 0: image.bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
      case 1: image.bytes[offset] = UInt8.random(in: .min ... .max, using: &numbers)
      case 2: image.set64(offset & ~7, value)
      case 3: image.set32(offset & ~3, UInt32(truncatingIfNeeded: value))
      case 4: image.set64(offset & ~7, UInt64.random(in: 0..<32, using: &numbers) << 9 | value & 7 << 61)
      default: image.set64(offset & ~7, numbers.next())
      }
    }
    if Int.random(in: 0..<12, using: &numbers) == 0 {
      image.cut(at: Int.random(in: 0..<image.bytes.count, using: &numbers))
    }
  }

  @Test("random changes never trap, hang, or go unseen by the counters", arguments: 0..<6)
  func mutations(_ seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    let path = folder.file("sample.qcow2")
    for _ in 0..<40 {
      let shapes = SampleQcow2.Shape.allCases
      var image = SampleQcow2(shapes[Int.random(in: 0..<shapes.count, using: &numbers)])
      CheckMutationTests.mutate(&image, &numbers)
      try image.write(to: folder)
      let checked = CheckedImage(path)
      // Every line but the one about what will be suppressed is a finding that was counted.
      guard let result = checked.result else { continue }
      var lines: UInt64 = 0
      for line in checked.findings where !line.hasPrefix("qcow2: Image is corrupt: ") {
        lines += 1
        guard line.hasSuffix(" more of this kind)"), let opening = line.lastIndex(of: "(") else { continue }
        let number = line[opening...].dropFirst("(and ".count).prefix { $0.isNumber }
        lines += try #require(UInt64(number), "\(line)")
      }
      #expect(lines == result.corruptions + result.leaks + result.checkErrors, "seed \(seed)")
    }
  }
}
