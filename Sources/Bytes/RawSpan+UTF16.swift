// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
  /// The same text in UTF-8, of one in UTF-16 that starts with a byte order mark; nil for any other. Half of a pair becomes
  /// U+FFFD.
  package var utf8FromUTF16: [UInt8]? {
    guard byteCount >= 2 else { return nil }
    let isBig: Bool
    switch (byte(at: 0), byte(at: 1)) {
    case (0xFE, 0xFF): isBig = true
    // Two zeros more would be UTF-32.
    case (0xFF, 0xFE) where byteCount < 4 || byte(at: 2) != 0 || byte(at: 3) != 0: isBig = false
    default: return nil
    }
    var units: [UInt16] = []
    units.reserveCapacity(byteCount / 2)
    for offset in stride(from: 2, to: byteCount - 1, by: 2) {
      units.append(isBig ? big16(at: offset) : little16(at: offset))
    }
    // Half a unit at the end is nothing that could be read.
    return Array(String(decoding: units, as: UTF16.self).utf8) + (byteCount % 2 == 0 ? [] : [0xFF])
  }
}
