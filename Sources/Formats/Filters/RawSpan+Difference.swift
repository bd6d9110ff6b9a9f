// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension RawSpan {
  /// The index of the first byte that differs from a span of the same length; nil where all are equal.
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
