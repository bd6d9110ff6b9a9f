// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host

/// Hands out what is compared next; what both images are known to have nothing in goes in one piece, however long.
final class CompareWalk: @unchecked Sendable {
  /// Bytes that one thread compares at a time.
  static let segment: UInt64 = 8 << 20

  private let end: UInt64
  private let reader: CompareReader
  private let monitor = Monitor()
  // All below under the monitor's lock.
  private var position: UInt64

  /// A walk over `range`; `reader` is not used for anything else.
  init(_ range: Range<UInt64>, _ reader: CompareReader) {
    position = range.lowerBound
    end = range.upperBound
    self.reader = reader
  }

  /// The next range, unless it starts behind `limit`, and whether it is the same in both images for certain.
  func next(before limit: UInt64) -> (range: Range<UInt64>, isBlank: Bool)? {
    monitor.withLock {
      // A range behind a known finding cannot matter any more.
      guard position < end, position < limit else { return nil }
      let start = position
      let blank = reader.sameZeroes(start..<end)
      position = blank > 0 ? start + blank : min(end, start + CompareWalk.segment)
      return (start..<position, blank > 0)
    }
  }
}
