// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension RawSpan {
  /// Where the bytes first differ from those of a span of the same length; nil where they do not.
  func firstDifference(from other: RawSpan) -> Int? {
    guard !equals(other) else { return nil }
    var range = 0..<byteCount
    while range.count > 1 {
      let middle = range.lowerBound + range.count / 2
      let head = range.lowerBound..<middle
      range = slice(head).equals(other.slice(head)) ? middle..<range.upperBound : head
    }
    return range.lowerBound
  }
}
