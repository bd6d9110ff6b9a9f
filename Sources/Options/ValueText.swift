// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Values of options as people write them. The errors name the option.
package enum ValueText {
  /// `on`, `yes`, `true`, `y` or `off`, `no`, `false`, `n`; lower case only.
  package static func bool(_ text: String, option name: String) throws(BlockError) -> Bool {
    switch text {
    case "on", "yes", "true", "y": return true
    case "off", "no", "false", "n": return false
    default: throw BlockError(.invalidArgument, "Parameter '\(name)' expects 'on' or 'off'")
    }
  }

  /// A whole number below 2^64: decimal, `0x` hexadecimal or `0` octal; a minus sign counts down from 2^64.
  package static func number(_ text: String, option name: String) throws(BlockError) -> UInt64 {
    var scanner = TextScanner(text)
    scanner.skipSpace()
    let isNegative = scanner.skip("-")
    if !isNegative { _ = scanner.skip("+") }
    let radix: UInt64 = scanner.skipHexPrefix() ? 16 : scanner.nextIs("0") ? 8 : 10
    guard let digits = scanner.digits(radix: radix), scanner.atEnd else {
      throw BlockError(.invalidArgument, "Parameter '\(name)' expects a number")
    }
    guard let value = digits.value else {
      throw BlockError(.tooLarge, "Value '\(text)' is too large for parameter '\(name)'")
    }
    return isNegative ? 0 &- value : value
  }

  /// Lets identifiers pass: letters, digits, `-`, `.` and `_` behind a letter.
  package static func refuse(identifier: String, option name: String) throws(BlockError) {
    func isLetter(_ scalar: Unicode.Scalar) -> Bool {
      ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }
    let scalars = identifier.unicodeScalars
    guard let first = scalars.first, isLetter(first),
      scalars.allSatisfy({ isLetter($0) || "0123456789-._".unicodeScalars.contains($0) })
    else {
      throw BlockError(
        .invalidArgument, "Parameter '\(name)' expects an identifier",
        hint: "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.")
    }
  }

  /// A size in bytes, as `SizeText.parse` reads it.
  package static func size(_ text: String, option name: String) throws(BlockError) -> UInt64 {
    do throws(SizeText.Failure) {
      return try SizeText.parse(text)
    } catch {
      throw error.error(option: name, text: text)
    }
  }
}
