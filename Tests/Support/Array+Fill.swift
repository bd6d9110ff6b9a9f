// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Glibc

// Tests are built without optimization: byte by byte, a few megabytes take a second.

extension [UInt8] {
  /// Sets the bytes of `range` to `byte`.
  package mutating func fill(_ range: Range<Int>, with byte: UInt8) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    unsafe withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      unsafe memset(base + range.lowerBound, Int32(byte), range.count)
    }
  }

  /// Sets the bytes of `range` to what is not to be compressed.
  package mutating func fill(_ range: Range<Int>, with numbers: inout SeededNumbers) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let length = Swift.min(8, range.upperBound - offset)
      let number = numbers.next()
      unsafe withUnsafeMutableBytes { bytes in
        for index in 0..<length {
          unsafe bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index))
        }
      }
      offset += length
    }
  }

  /// Lets `new` stand at `offset`, where there are as many bytes.
  package mutating func put(_ new: [UInt8], at offset: Int) {
    var target = mutableSpan
    var bytes = unsafe target.mutableBytes
    unsafe bytes.copy(new.span.bytes, at: offset)
  }
}
