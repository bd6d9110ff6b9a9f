// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Sizes as people write and read them: `64k`, `1.5G`, `0x10000`; `64 MiB`.
package enum SizeText {
  /// Why a text is no size.
  package enum Failure: Error, Sendable, Equatable {
    /// The text does not follow the grammar.
    case invalid
    /// The text follows the grammar but the number is larger than the limit.
    case outOfRange

    /// The error of an option `name` that was given `text`.
    package func error(option name: String, text: String) -> BlockError {
      switch self {
      case .invalid:
        BlockError(
          .invalidArgument, "Parameter '\(name)' expects a non-negative number below 2^64",
          hint: "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
            + "and exabytes, respectively.")
      case .outOfRange:
        BlockError(.tooLarge, "Value '\(text)' is out of range for parameter '\(name)'")
      }
    }
  }

  /// A change of a size, as `resize` is asked for it.
  package enum Change: Sendable, Equatable {
    /// Make it that many bytes.
    case set(UInt64)
    /// Make it that many bytes longer.
    case grow(UInt64)
    /// Make it that many bytes shorter.
    case shrink(UInt64)
  }

  /// Bytes that `text` stands for.
  ///
  /// White space and a plus sign may come first; then a decimal number with an optional fraction, or a
  /// hexadecimal one without; then an optional suffix of either case: `b` (bytes, also the default), `k`, `M`,
  /// `G`, `T`, `P`, `E`, each 1024 times the one before. Fractions of a byte are rounded to the nearest,
  /// but only with a suffix above `b` may a fraction be other than zero.
  ///
  /// - Throws: `outOfRange` above `limit`, otherwise `invalid`.
  package static func parse(_ text: String, limit: UInt64 = .max) throws(Failure) -> UInt64 {
    var scanner = TextScanner(text)
    scanner.skipSpace()
    let isNegative = scanner.skip("-")
    if !isNegative { _ = scanner.skip("+") }
    let isHex = scanner.skipHexPrefix()
    guard let digits = scanner.digits(radix: isHex ? 16 : 10) else { throw .invalid }
    var fraction = 0.0
    if !isHex, scanner.skip(".") { fraction = Double("0." + scanner.decimalDigits() + "0") ?? 0 }
    let unit = scanner.atEnd ? 1 : try multiplier(scanner.next())
    guard scanner.atEnd, unit > 1 || fraction == 0 else { throw .invalid }
    // Too many digits are out of range whatever the sign.
    guard let whole = digits.value else { throw .outOfRange }
    guard !isNegative else { throw .invalid }
    // At most 53 significant bits times a power of two: exact before the rounding.
    let part = UInt64((fraction * Double(unit)).rounded())
    let (bytes, overflow) = whole.multipliedReportingOverflow(by: unit)
    let (sum, carry) = bytes.addingReportingOverflow(part)
    guard !overflow, !carry, sum <= limit else { throw .outOfRange }
    return sum
  }

  /// The change that `text` asks for: a size, or one with `+` or `-` in front for a difference.
  package static func parseChange(_ text: String) throws(Failure) -> Change {
    if text.hasPrefix("+") { return .grow(try parse(String(text.dropFirst()))) }
    if text.hasPrefix("-") { return .shrink(try parse(String(text.dropFirst()))) }
    return .set(try parse(text))
  }

  /// Whether `text` is a hexadecimal number with a suffix, which works but is easily misread.
  package static func hasSuffixOnHex(_ text: String) -> Bool {
    var scanner = TextScanner(text)
    scanner.skipSpace()
    _ = scanner.skip("+")
    guard scanner.skipHexPrefix(), scanner.digits(radix: 16) != nil else { return false }
    return !scanner.atEnd && !scanner.skip(".")
  }

  private static func multiplier(_ suffix: UInt8?) throws(Failure) -> UInt64 {
    guard let suffix else { return 1 }
    switch Unicode.Scalar(suffix | 0x20) {
    case "b": return 1
    case "k": return 1 << 10
    case "m": return 1 << 20
    case "g": return 1 << 30
    case "t": return 1 << 40
    case "p": return 1 << 50
    case "e": return 1 << 60
    default: throw .invalid
    }
  }

  // MARK: Printing

  /// The size with three significant digits and a binary unit: `196 KiB`, `1.5 GiB`, `0.977 KiB`.
  package static func human(_ bytes: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    // A unit begins at 1000 of the one below it, so that no number has four digits.
    let scaled = Double(bytes) / (1000.0 / 1024.0)
    var unit = 0
    while unit + 1 < units.count, scaled >= Double(UInt64(1) << (10 * (unit + 1))) { unit += 1 }
    return threeDigits(bytes, shift: 10 * unit) + " " + units[unit]
  }

  /// The size in both forms: `64 MiB (67108864 bytes)`.
  package static func humanAndBytes(_ bytes: UInt64) -> String { "\(human(bytes)) (\(bytes) bytes)" }

  /// `bytes / 2^shift`, a number below 1000, as `%.3g` prints it.
  private static func threeDigits(_ bytes: UInt64, shift: Int) -> String {
    let value = UInt128(bytes)
    let one = UInt128(1) << shift
    let decimals = value < one ? 3 : value < 10 * one ? 2 : value < 100 * one ? 1 : 0
    guard shift > 0 else { return String(bytes) }
    var digits = value
    for _ in 0..<decimals { digits *= 10 }
    let rest = digits & (one - 1)
    digits >>= shift
    // Ties go to the even digit.
    if rest > one / 2 || (rest == one / 2 && digits & 1 == 1) { digits += 1 }
    if decimals == 0 { return digits == 1000 ? "1e+03" : String(digits) }
    let text = String(digits)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - text.count)) + text
    var result = padded.dropLast(decimals) + "." + padded.suffix(decimals)
    while result.hasSuffix("0") { result.removeLast() }
    if result.hasSuffix(".") { result.removeLast() }
    return String(result)
  }
}

extension SizeText {
  /// The size as people write it for an option, with the largest suffix that leaves a whole number: `4095M`.
  package static func exact(_ bytes: UInt64) -> String {
    var (count, suffix) = (bytes, "")
    for next in ["k", "M", "G", "T", "P", "E"] where count > 0 && count % 1024 == 0 {
      (count, suffix) = (count / 1024, next)
    }
    return "\(count)\(suffix)"
  }

  /// Powers of two as people write them, by their exponents: 9 to 12 are 512, 1k, 2k and 4k.
  package static func powersOfTwo(_ exponents: ClosedRange<UInt32>) -> [String] {
    exponents.map { exact(1 << UInt64($0)) }
  }
}
