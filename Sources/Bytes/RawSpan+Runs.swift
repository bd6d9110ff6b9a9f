// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
  /// How many of the big-endian 64-bit integers with the indices `range` are, one after the other, `first`,
  /// `first + step`, `first + 2 * step` and so on, in the bits of `mask`. `range` must lie inside the span.
  ///
  /// Tables of an image are mostly long runs of such entries; the comparison takes eight at a time.
  package func run64(_ range: Range<Int>, first: UInt64, step: UInt64, mask: UInt64) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount / 8, "a run past the end of a span")
    return unsafe withUnsafeBytes { bytes in
      func value(_ index: Int) -> UInt64 {
        UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
      }
      var index = range.lowerBound
      var expected = first
      while range.upperBound - index >= 8 {
        var difference: UInt64 = 0
        if step == 0 {
          // The same bits everywhere need no swapping.
          let entries = unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<UInt64>.self)
          let unlike = (entries ^ SIMD8(repeating: first.bigEndian)) & SIMD8(repeating: mask.bigEndian)
          for lane in 0..<8 { difference |= unlike[lane] }
        } else {
          for lane in 0..<8 {
            difference |= (value(index + lane) ^ (expected &+ UInt64(lane) &* step)) & mask
          }
        }
        guard difference == 0 else { break }
        index += 8
        expected &+= step &* 8
      }
      while index < range.upperBound, (value(index) ^ expected) & mask == 0 {
        index += 1
        expected &+= step
      }
      return index - range.lowerBound
    }
  }
}
