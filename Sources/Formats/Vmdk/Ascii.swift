// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// What descriptors are made of: bytes of ASCII and, in names, any others.
enum Ascii {
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let hash = UInt8(ascii: "#")
  static let equal = UInt8(ascii: "=")
  static let quote = UInt8(ascii: "\"")
  static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  static func isBlank(_ byte: UInt8) -> Bool { byte == 0 || byte == 0x20 || byte == 0x09 }

  static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text
    if text.startIndex == 0, text.starts(with: byteOrderMark) { text = text.dropFirst(3) }
    text = text.drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }

  static func unquoted(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard text.count >= 2, text.first == quote, text.last == quote else { return text }
    return text.dropFirst().dropLast()
  }

  static func uppercase(_ text: ArraySlice<UInt8>) -> String { String(spelling: text).uppercased() }
  static func lowercase(_ text: ArraySlice<UInt8>) -> String { String(spelling: text).lowercased() }

  /// Takes the bytes before the next blank, and the blanks behind them.
  static func takeWord(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let word = text.prefix { !isBlank($0) }
    text = text.dropFirst(word.count).drop(while: isBlank)
    return word
  }

  /// Takes what stands in quotes, or a word.
  static func takeName(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard text.first == quote else { return takeWord(&text) }
    let inside = text.dropFirst()
    guard let end = inside.firstIndex(of: quote) else { return nil }
    text = inside[(end + 1)...].drop(while: isBlank)
    return inside[..<end]
  }

  static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt64(String(spelling: digits))
  }

  static func place(ofIdentifier text: ArraySlice<UInt8>) -> Range<Int>? {
    hexadecimal(text) == nil ? nil : text.startIndex..<text.endIndex
  }

  static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
    return UInt32(String(spelling: digits), radix: 16)
  }
}
