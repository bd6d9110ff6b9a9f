// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Reads numbers from the start of a text, byte by byte.
struct TextScanner {
  /// A run of digits was read; `value` is nil where it does not fit 64 bits.
  struct Digits {
    var value: UInt64?
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = text.spelledBytes }

  var atEnd: Bool { position == bytes.count }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Reads one byte.
  mutating func next() -> UInt8? {
    guard let byte = current else { return nil }
    position += 1
    return byte
  }

  /// Skips what C calls white space.
  mutating func skipSpace() {
    while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
  }

  /// Skips `scalar`, which is ASCII, where it comes next.
  mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard nextIs(scalar) else { return false }
    position += 1
    return true
  }

  /// Whether `scalar`, which is ASCII, comes next.
  func nextIs(_ scalar: Unicode.Scalar) -> Bool { current.map(UInt32.init) == scalar.value }

  /// Skips `0x` where a hexadecimal digit follows.
  mutating func skipHexPrefix() -> Bool {
    guard position + 2 < bytes.count, bytes[position] == 0x30, bytes[position + 1] | 0x20 == 0x78,
      TextScanner.digit(bytes[position + 2], radix: 16) != nil
    else { return false }
    position += 2
    return true
  }

  /// Reads as many digits as there are; nil where there is none.
  mutating func digits(radix: UInt64) -> Digits? {
    let start = position
    var value: UInt64? = 0
    while let byte = current, let digit = TextScanner.digit(byte, radix: radix) {
      position += 1
      guard let known = value else { continue }
      let (product, overflow) = known.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(digit)
      value = overflow || carry ? nil : sum
    }
    return position == start ? nil : Digits(value: value)
  }

  /// Reads as many decimal digits as there are, as text.
  mutating func decimalDigits() -> String {
    let start = position
    while let byte = current, TextScanner.digit(byte, radix: 10) != nil { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func digit(_ byte: UInt8, radix: UInt64) -> UInt64? {
    let value: UInt8
    switch byte {
    case 0x30...0x39: value = byte - 0x30
    case 0x41...0x46: value = byte - 0x41 + 10
    case 0x61...0x66: value = byte - 0x61 + 10
    default: return nil
    }
    return UInt64(value) < radix ? UInt64(value) : nil
  }
}
