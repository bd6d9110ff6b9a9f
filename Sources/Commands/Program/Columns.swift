// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Text in columns, and numbers of fixed form.
enum Columns {
  /// `text` with spaces behind it up to `width` characters.
  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
  }

  /// `text` with spaces before it up to `width` characters.
  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.unicodeScalars.count)) + text
  }

  /// A number with zeros before it up to `width` digits.
  static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  /// A number of hundredths as a decimal: 1234 is `12.34`.
  static func fixed(_ hundredths: UInt64) -> String { "\(hundredths / 100).\(padded(hundredths % 100, 2))" }

  /// How much of `whole` the `part` is, in per cent with two decimals.
  static func percent(_ part: UInt64, of whole: UInt64) -> String {
    fixed(UInt64((Double(part) * 10_000 / Double(max(whole, 1))).rounded()))
  }
}
