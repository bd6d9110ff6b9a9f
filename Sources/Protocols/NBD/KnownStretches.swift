// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The stretches of an export that the server's last answer told of: they follow one another.
struct KnownStretches: Sendable {
  /// How often what was known became void.
  private(set) var generation = 0
  private var start: UInt64 = 0
  /// The end of each stretch, in bytes; no stretch is empty.
  private var ends: [UInt64] = []
  private var areZero: [Bool] = []

  /// The state of the byte at `offset`, and the end of the stretch in that state; nil where it is not known.
  func stretch(at offset: UInt64) -> (isZero: Bool, end: UInt64)? {
    guard offset >= start, let last = ends.last, offset < last else { return nil }
    let index = ends.firstIndexSorted { $0 > offset }
    return (areZero[index], ends[index])
  }

  /// Takes an answer for the range from `start` on: stretches with one of the bits of `mask` are no data.
  mutating func learn(_ answer: [NBDStretch], from start: UInt64, mask: UInt32) {
    self.start = start
    var end = start
    for stretch in answer {
      guard stretch.length > 0, let next = end.plus(stretch.length) else { break }
      let isZero = stretch.bits & mask != 0
      if let last = areZero.last, last == isZero {
        ends[ends.count - 1] = next
      } else {
        ends.append(next)
        areZero.append(isZero)
      }
      end = next
    }
  }

  /// Knows from now on what `other` does.
  mutating func adopt(_ other: KnownStretches) {
    (start, ends, areZero) = (other.start, other.ends, other.areZero)
  }

  /// To be called after each change of the export.
  mutating func forget() {
    generation += 1
    (start, ends, areZero) = (0, [], [])
  }
}
