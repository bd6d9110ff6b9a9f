// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Support
import Testing

struct CheckedTests {
  /// Numbers of every magnitude, and those next to where something changes.
  private static func numbers() -> [UInt64] {
    var random = SeededNumbers(seed: 3)
    var numbers: [UInt64] = [
      0, 1, 2, 3, .max, .max - 1, 1 << 63, (1 << 63) - 1, (1 << 63) + 1, 1 << 32, 511, 512, 513,
    ]
    for shift in 0..<64 { numbers.append(random.next() >> UInt64(shift)) }
    return numbers
  }

  @Test("sums, products and roundings are right or nil")
  func wide() {
    let numbers = CheckedTests.numbers()
    for a in numbers {
      for b in numbers {
        let (wideA, wideB) = (UInt128(a), UInt128(b))
        #expect(a.plus(b) == UInt64(exactly: wideA + wideB))
        #expect(a.times(b) == UInt64(exactly: wideA * wideB))
        guard b > 0 else { continue }
        let units = (wideA + wideB - 1) / wideB
        #expect(UInt128(a.dividedUp(by: b)) == units)
        #expect(a.roundedUp(to: b) == UInt64(exactly: units * wideB))
        #expect(UInt128(a.roundedDown(to: b)) == wideA / wideB * wideB)
        #expect(a.isMultiple(ofUnit: b) == (wideA % wideB == 0))
      }
    }
  }

  @Test("powers of two")
  func powers() {
    for shift in 0..<64 {
      let power = UInt64(1) << UInt64(shift)
      #expect(power.isPowerOfTwo)
      if shift > 1 { #expect(!(power - 1).isPowerOfTwo && !(power + 1).isPowerOfTwo) }
    }
    #expect(!UInt64(0).isPowerOfTwo)
  }
}
