// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
  /// The same bytes with some fields changed: offset, width, value, the least significant byte first. Offsets below 0
  /// count from the end.
  public func littleChanged(_ fields: [(Int, Int, UInt64)]) -> [UInt8] {
    changed(fields) { index, _ in index }
  }

  /// The same, with the most significant byte first.
  public func bigChanged(_ fields: [(Int, Int, UInt64)]) -> [UInt8] {
    changed(fields) { index, width in width - 1 - index }
  }

  private func changed(_ fields: [(Int, Int, UInt64)], _ byte: (_ index: Int, _ width: Int) -> Int) -> [UInt8]
  {
    var bytes = self
    for (offset, width, value) in fields {
      let start = offset < 0 ? count + offset : offset
      for index in 0..<width {
        bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(byte(index, width) * 8))
      }
    }
    return bytes
  }
}
