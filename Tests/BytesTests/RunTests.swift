// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@Suite("Runs of entries")
struct RunTests {
  /// Every length around the eight that are compared at a time, with the one unlike entry at every place.
  @Test(arguments: [0, 1, 65536, .max - 7] as [UInt64], [.max, 0x00FF_FFFF_FFFF_FE00] as [UInt64])
  func endsAtTheFirstUnlikeEntry(step: UInt64, mask: UInt64) {
    let first: UInt64 = 0x8000_0012_3456_0000
    for count in 0...27 {
      for odd in 0...count {
        let buffer = Buffer(count: max(8, count * 8))
        var bytes = buffer.mutableBytes
        for index in 0..<count {
          // Bits beside the mask differ everywhere.
          let noise = UInt64(index) &* 0x9E37_79B9_7F4A_7C15 & ~mask
          var value = ((first &+ UInt64(index) &* step) & mask) | noise
          if index == odd { value ^= 0x1_0000 }
          bytes.storeBig(value, at: index * 8)
        }
        #expect(buffer.bytes.run64(0..<count, first: first, step: step, mask: mask) == odd)
        if count > 3, odd >= 3 {
          let start = first &+ 3 &* step
          #expect(buffer.bytes.run64(3..<count, first: start, step: step, mask: mask) == odd - 3)
        }
      }
    }
  }
}
