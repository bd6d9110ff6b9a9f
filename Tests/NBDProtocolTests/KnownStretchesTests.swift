// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import NBDProtocol

@Suite("What a server said of an export")
struct KnownStretchesTests {
  /// Stretches of these lengths and bits, from `start` on.
  private func known(_ start: UInt64, _ stretches: [(UInt64, UInt32)], mask: UInt32 = 2) -> KnownStretches {
    var known = KnownStretches()
    known.learn(stretches.map { NBDStretch(length: $0.0, bits: $0.1) }, from: start, mask: mask)
    return known
  }

  @Test("each byte has the stretch it lies in, neighbours of one kind are one")
  func stretches() {
    let known = known(1000, [(10, 0), (20, 1), (30, 3), (1, 2), (5, 0)])
    for (offset, isZero, end) in [
      (1000, false, 1030), (1029, false, 1030), (1030, true, 1061), (1060, true, 1061), (1061, false, 1066),
      (1065, false, 1066),
    ] as [(UInt64, Bool, UInt64)] {
      #expect(known.stretch(at: offset)?.isZero == isZero, "\(offset)")
      #expect(known.stretch(at: offset)?.end == end, "\(offset)")
    }
    for offset in [0, 999, 1066, .max] as [UInt64] { #expect(known.stretch(at: offset) == nil, "\(offset)") }
  }

  @Test("nonsense in an answer ends it")
  func nonsense() {
    #expect(known(0, []).stretch(at: 0) == nil)
    #expect(known(0, [(0, 0), (5, 0)]).stretch(at: 0) == nil)
    let last = UInt64.max
    let large = known(last - 10, [(5, 0), (10, 2), (5, 0)])
    #expect(large.stretch(at: last - 6)?.end == last - 5)
    #expect(large.stretch(at: last - 5) == nil)
  }

  @Test("other contexts have one bit")
  func otherContexts() {
    let known = known(0, [(4, 0), (4, 1), (4, 2)], mask: 1)
    #expect([0, 4, 8].map { known.stretch(at: $0)?.isZero } == [false, true, false])
  }

  @Test("after a change nothing is known")
  func changes() {
    var known = known(0, [(4, 0)])
    let before = known.generation
    known.forget()
    #expect(known.stretch(at: 0) == nil)
    #expect(known.generation != before)
  }
}
