// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

// Tests are built without optimization: what is equal is found equal at once, and only the rest is looked at byte by byte.

extension Collection<UInt8> {
  /// Whether each byte is `byte`.
  package func consists(of byte: UInt8) -> Bool {
    guard let first else { return true }
    // Bytes that are those one further on are all the same.
    let isSo = withContiguousStorageIfAvailable { buffer in
      let bytes = unsafe buffer.span.bytes
      return first == byte && bytes.slice(1..<bytes.byteCount).equals(bytes.slice(0..<bytes.byteCount - 1))
    }
    return isSo ?? allSatisfy { $0 == byte }
  }
}

extension [UInt8] {
  /// In place of the standard library's, which compares one by one.
  package static func == (one: [UInt8], other: [UInt8]) -> Bool {
    unsafe one.span.bytes.equals(other.span.bytes)
  }

  /// In place of the standard library's, too.
  package static func != (one: [UInt8], other: [UInt8]) -> Bool { !(one == other) }

  /// The first place that counts at which others, as many, have another byte.
  package func firstDifference(from others: [UInt8], where counts: (Int) -> Bool = { _ in true }) -> Int? {
    firstIndex(unlike: [others]) { $0 != others[$1] && counts($1) }
  }

  /// Whether each byte is the one that `one` has there, or the one that `other` has.
  package func isMixture(of one: [UInt8], _ other: [UInt8]) -> Bool {
    firstIndex(unlike: [one, other]) { $0 != one[$1] && $0 != other[$1] } == nil
  }

  /// The first place for which `isWrong` says so, where it never does for a piece that is equal to one of `candidates`.
  private func firstIndex(unlike candidates: [[UInt8]], _ isWrong: (UInt8, Int) -> Bool) -> Int? {
    for candidate in candidates { precondition(candidate.count == count) }
    for start in stride(from: 0, to: count, by: 256) {
      let end = Swift.min(start + 256, count)
      if candidates.contains(where: { isEqual(to: $0, in: start..<end) }) { continue }
      if let found = (start..<end).first(where: { isWrong(self[$0], $0) }) { return found }
    }
    return nil
  }

  private func isEqual(to others: [UInt8], in range: Range<Int>) -> Bool {
    unsafe span.bytes.slice(range).equals(others.span.bytes.slice(range))
  }
}
