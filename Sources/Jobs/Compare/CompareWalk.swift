// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph

/// One segment of a comparison; one thread at a time has it.
final class CompareSegment: @unchecked Sendable {
  let range: Range<UInt64>
  let reader: CompareReader
  /// Why the comparison ends here, if it does.
  var outcome: CompareOutcome?

  init(_ range: Range<UInt64>, _ reader: CompareReader) {
    self.range = range
    self.reader = reader
  }
}

/// Goes through two images from start to end; a range in which both are known to have nothing is passed in one piece,
/// however long. One thread at a time asks it.
final class CompareWalk: @unchecked Sendable {
  /// Bytes that one thread compares at a time.
  static let segment: UInt64 = 8 << 20

  private let end: UInt64
  private let readers: [CompareReader]
  private var position: UInt64

  /// A walk over `range`, with a reader for each slot.
  init(_ range: Range<UInt64>, _ readers: [CompareReader]) {
    position = range.lowerBound
    end = range.upperBound
    self.readers = readers
  }

  func next(_ slot: Int) -> SegmentScheduler<CompareSegment>.Next {
    guard position < end else { return .end }
    let start = position
    let blank = readers[slot].sameZeroes(start..<end)
    position = blank > 0 ? start + blank : min(end, start + CompareWalk.segment)
    let length = position - start
    return blank > 0
      ? .passed(length) : .segment(CompareSegment(start..<position, readers[slot]), work: length)
  }
}
