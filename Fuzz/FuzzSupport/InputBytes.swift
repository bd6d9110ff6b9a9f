// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A fuzzer's input as a source of numbers; past its end they are zero.
package struct InputBytes: Sendable {
  private let bytes: [UInt8]
  private var position = 0

  /// Numbers from `bytes`.
  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether nothing is left.
  package var atEnd: Bool { position >= bytes.count }

  /// One byte.
  package mutating func byte() -> UInt8 {
    guard !atEnd else { return 0 }
    position += 1
    return bytes[position - 1]
  }

  /// A number of `count` bytes, the least significant first.
  package mutating func number(_ count: Int) -> UInt64 {
    var result: UInt64 = 0
    for index in 0..<count { result |= UInt64(byte()) << UInt64(8 * index) }
    return result
  }

  /// What is left.
  package mutating func rest() -> [UInt8] {
    defer { position = bytes.count }
    return Array(bytes[min(position, bytes.count)...])
  }
}
