// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension RawSpan {
  /// A copy.
  var array: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(byteCount)
    for index in 0..<byteCount { result.append(byte(at: index)) }
    return result
  }
}
