// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Host

/// Text in columns, and numbers of fixed form.
enum Columns {
  /// `text` with spaces behind it up to `width` characters.
  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - size(text)))
  }

  /// `text` with spaces before it up to `width` characters.
  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - size(text))) + text
  }

  /// The places that a text takes: the characters of our own words, and the bytes of names, as `qemu-img` counts them,
  /// with what is shown instead of some.
  private static func size(_ text: String) -> Int {
    text.unicodeScalars.contains { $0.spelledByte != nil } ? text.shown.utf8.count : text.unicodeScalars.count
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
    fixed(hundredths(Double(part) * 100 / Double(max(whole, 1))))
  }

  /// A number that is not negative in hundredths, rounded as C's `%.2f` does: by its exact value, halves to even.
  static func hundredths(_ number: Double) -> UInt64 {
    let product = number * 100
    let below = product.rounded(.down)
    // The rounding error of the product decides where it seems to be a half.
    let lost = (-product).addingProduct(number, 100)
    if product - below == 0.5, lost != 0 { return UInt64(lost > 0 ? below + 1 : below) }
    return UInt64(product.rounded(.toNearestOrEven))
  }
}
