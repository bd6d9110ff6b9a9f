// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Support
import Testing

extension Buffer {
  /// Spans cannot be handed to `#expect`.
  fileprivate func holds(_ content: [UInt8]) -> Bool { bytes.equals(Buffer(content).bytes) }
  fileprivate func isZero(_ range: Range<Int>) -> Bool { bytes.slice(range).isZero }
}

struct SpanTests {
  @Test("integers are read and written in both byte orders, at every alignment")
  func endian() {
    for offset in 0..<9 {
      let buffer = Buffer(count: 24)
      var bytes = buffer.mutableBytes
      for index in 0..<8 { bytes.store(UInt8(0x11 * (index + 1)), at: offset + index) }
      let span = buffer.bytes
      #expect(span.byte(at: offset) == 0x11 && span.byte(at: offset + 7) == 0x88)
      #expect(span.big16(at: offset) == 0x1122 && span.little16(at: offset) == 0x2211)
      #expect(span.big32(at: offset) == 0x1122_3344 && span.little32(at: offset) == 0x4433_2211)
      #expect(span.big64(at: offset) == 0x1122_3344_5566_7788)
      #expect(span.little64(at: offset) == 0x8877_6655_4433_2211)
    }
  }

  @Test("what is stored is read back, and its neighbours stay")
  func stores() {
    var random = SeededNumbers(seed: 1)
    for _ in 0..<500 {
      let buffer = Buffer([UInt8](repeating: 0xCC, count: 32))
      var bytes = buffer.mutableBytes
      let value = random.next()
      let offset = Int.random(in: 1...20, using: &random)
      bytes.storeBig(value, at: offset)
      #expect(buffer.bytes.big64(at: offset) == value)
      #expect(buffer.bytes.byte(at: offset - 1) == 0xCC && buffer.bytes.byte(at: offset + 8) == 0xCC)
      bytes.storeBig(UInt32(truncatingIfNeeded: ~value), at: offset)
      #expect(buffer.bytes.big32(at: offset) == UInt32(truncatingIfNeeded: ~value))
      #expect(buffer.bytes.big32(at: offset + 4) == UInt32(truncatingIfNeeded: value))
      bytes.storeBig(UInt16(truncatingIfNeeded: value), at: offset)
      #expect(buffer.bytes.big16(at: offset) == UInt16(truncatingIfNeeded: value))
      #expect(buffer.bytes.big16(at: offset + 2) == UInt16(truncatingIfNeeded: ~value))
    }
  }

  @Test("slices, copies and fills touch their range only")
  func ranges() {
    let buffer = Buffer((0..<16).map { UInt8($0) })
    #expect(buffer.bytes.slice(3..<7).big32(at: 0) == 0x0304_0506)
    #expect(buffer.bytes.slice(16..<16).byteCount == 0)
    var bytes = buffer.mutableBytes
    bytes.copy(Buffer([0xAA, 0xBB]).bytes, at: 14)
    bytes.copy(Buffer([]).bytes, at: 16)
    var middle = bytes.slice(4..<8)
    middle.fill(0xEE)
    #expect(buffer.holds([0, 1, 2, 3, 0xEE, 0xEE, 0xEE, 0xEE, 8, 9, 10, 11, 12, 13, 0xAA, 0xBB]))
  }

  @Test("outside the span every accessor traps")
  func traps() async {
    await #expect(processExitsWith: .success) { _ = Buffer(count: 8).bytes.big64(at: 0) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.byte(at: 8) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.byte(at: -1) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.big16(at: 7) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.little32(at: 5) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.big64(at: 1) }
    await #expect(processExitsWith: .failure) { _ = Buffer(count: 8).bytes.slice(4..<9) }
    await #expect(processExitsWith: .failure) {
      let buffer = Buffer(count: 8)
      var bytes = buffer.mutableBytes
      bytes.storeBig(UInt32(1), at: 5)
    }
    await #expect(processExitsWith: .failure) {
      let buffer = Buffer(count: 8)
      var bytes = buffer.mutableBytes
      bytes.copy(Buffer(count: 4).bytes, at: 5)
    }
  }

  @Test(
    "text must be UTF-8",
    arguments: [
      ([0x61, 0xC3, 0xA9], "aé"), ([], ""), ([0xC3], nil), ([0xFF], nil), ([0xED, 0xA0, 0x80], nil),
      ([0xC0, 0x80], nil),
      ([0x61, 0], "a\u{0}"),
    ] as [([UInt8], String?)])
  func utf8(bytes: [UInt8], text: String?) {
    #expect(Buffer([0x78] + bytes + [0x79]).bytes.utf8(1..<1 + bytes.count) == text)
  }

  @Test("buffers are zero, aligned, and as long as asked")
  func buffers() {
    for count in [0, 1, 511, 4096, 4097, 1 << 20] {
      let buffer = Buffer(count: count)
      #expect(
        buffer.count == count && buffer.bytes.byteCount == count && buffer.mutableBytes.byteCount == count)
      #expect(buffer.isZero(0..<count))
      let aligned =
        buffer.bytes.isAligned(to: UInt64(Buffer.alignment)) && buffer.mutableBytes.isAligned(to: 4096)
      #expect(aligned)
    }
    let odd = Buffer(count: 8).bytes.slice(1..<8).isAligned(to: 2)
    #expect(!odd)
    let original = Buffer([1, 2, 3])
    let copy = Buffer(copying: original.bytes)
    var bytes = original.mutableBytes
    bytes.fill(9)
    #expect(copy.holds([1, 2, 3]))
  }

  @Test("the zero test sees a single bit anywhere, at every alignment and length, and nothing outside")
  func zeroTest() {
    let room = 160
    let buffer = Buffer([UInt8](repeating: 0xFF, count: room))
    var bytes = buffer.mutableBytes
    for start in 0..<17 {
      for length in 0...(room - 32) {
        var inside = bytes.slice(start..<start + length)
        inside.fill(0)
        #expect(buffer.isZero(start..<start + length))
        inside = bytes.slice(start..<start + length)
        inside.fill(0xFF)
      }
    }
    bytes.fill(0)
    for start in [0, 1, 7, 8] {
      for length in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129] {
        for place in start..<start + length {
          bytes.store(UInt8(1) << UInt8(place % 8), at: place)
          #expect(!buffer.isZero(start..<start + length))
          bytes.store(UInt8(0), at: place)
        }
      }
    }
  }

  @Test("equality sees length and every byte")
  func equality() {
    var random = SeededNumbers(seed: 2)
    for count in 0..<70 {
      var content: [UInt8] = []
      for _ in 0..<count { content.append(UInt8.random(in: 0...255, using: &random)) }
      let left = Buffer(content)
      #expect(left.holds(content))
      #expect(!left.holds(content + [0]))
      for place in 0..<count {
        var other = content
        other[place] ^= 0x80
        #expect(!left.holds(other))
      }
    }
  }

  @Test("bytes are moved within a span, also where both places overlap")
  func moves() {
    for (range, offset, wanted) in [
      (2..<5, 0, [2, 3, 4, 3, 4, 5]), (0..<4, 2, [0, 1, 0, 1, 2, 3]), (3..<3, 6, [0, 1, 2, 3, 4, 5]),
    ] as [(Range<Int>, Int, [UInt8])] {
      let buffer = Buffer([0, 1, 2, 3, 4, 5])
      var bytes = buffer.mutableBytes
      bytes.move(range, to: offset)
      #expect(buffer.holds(wanted))
    }
  }

  @Test("exclusive or changes the bytes under the other span, and no others")
  func exclusiveOr() {
    var random = SeededNumbers(seed: 3)
    for count in 0..<35 {
      let content = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
      let source = (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
      let buffer = Buffer(content)
      let other = Buffer(source)
      var bytes = buffer.mutableBytes
      bytes.formXOR(other.bytes, at: 3)
      var wanted = content
      for index in 0..<count { wanted[3 + index] ^= source[index] }
      #expect(buffer.holds(wanted))
    }
  }
}
