// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Cuts JSON text into marks, strings, numbers and words.
struct JSONLexer {
  enum Kind: Equatable {
    /// One of `{ } [ ] : ,`.
    case mark(Unicode.Scalar)
    /// A string, number, true, false or null.
    case scalar(OptionTree)
  }

  struct Token: Equatable {
    var kind: Kind
    /// Where it starts, in bytes.
    var offset: Int
  }

  private let bytes: [UInt8]
  /// The byte to look at next.
  private(set) var position = 0

  init(_ text: String) { bytes = text.spelledBytes }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  func failure(_ reason: String, at offset: Int) -> JSONParser.Failure {
    JSONParser.Failure(reason: "JSON parse error, " + reason, offset: offset)
  }

  /// The next token, or nil at the end of the text.
  mutating func next() throws(JSONParser.Failure) -> Token? {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    guard let byte = current else { return nil }
    let start = position
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"),
      UInt8(ascii: ","):
      position += 1
      return Token(kind: .mark(Unicode.Scalar(byte)), offset: start)
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      return Token(kind: .scalar(.string(try string(quote: byte))), offset: start)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return Token(kind: .scalar(try number()), offset: start)
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      return Token(kind: .scalar(try word()), offset: start)
    default:
      throw stray(from: start)
    }
  }

  /// The failure of a token that the current byte does not continue; shows the token up to that byte.
  private func stray(from start: Int) -> JSONParser.Failure {
    let end = min(position + 1, start + 40, bytes.count)
    return failure("stray '\(String(spelling: bytes[start..<end]))'", at: start)
  }

  // MARK: Words and numbers

  private mutating func word() throws(JSONParser.Failure) -> OptionTree {
    let start = position
    while let byte = current, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) { position += 1 }
    let word = text(start)
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default: throw failure("invalid keyword '\(word.prefix(40))'", at: start)
    }
  }

  private mutating func number() throws(JSONParser.Failure) -> OptionTree {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") {
      position += 1
      if let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
        throw stray(from: start)
      }
    } else {
      try digits(from: start)
    }
    var isWhole = true
    if current == UInt8(ascii: ".") {
      isWhole = false
      position += 1
      try digits(from: start)
    }
    if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits(from: start)
    }
    let text = text(start)
    if isWhole, let value = Int64(text) { return .integer(value) }
    if isWhole, let value = UInt64(text) { return .unsigned(value) }
    guard let value = Double(text), value.isFinite else { throw failure("number too large", at: start) }
    return .real(value)
  }

  private mutating func digits(from start: Int) throws(JSONParser.Failure) {
    let first = position
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    if position == first { throw stray(from: start) }
  }

  private func text(_ start: Int) -> String { String(spelling: bytes[start..<position]) }

  // MARK: Strings

  private mutating func string(quote: UInt8) throws(JSONParser.Failure) -> String {
    let start = position
    var content: [UInt8] = []
    position += 1
    while true {
      guard let byte = current, byte >= 0x20 else { throw stray(from: start) }
      if byte == UInt8(ascii: "\\") {
        content.append(contentsOf: try escape(string: start).utf8)
        continue
      }
      position += 1
      if byte == quote {
        // Noncharacters of Unicode are refused, as `qemu-img` does.
        if String(decoding: content, as: UTF8.self).hasNoncharacter {
          throw failure("invalid UTF-8 sequence in string", at: start)
        }
        return String(spelling: JSONBytes.decoded(content))
      }
      content.append(byte)
    }
  }

  private mutating func escape(string start: Int) throws(JSONParser.Failure) -> String {
    let offset = position
    position += 1
    guard let byte = current, byte >= 0x20 else { throw stray(from: start) }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "'"): return "'"
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return String(try unicode(offset))
    default: throw failure("invalid escape sequence in string", at: offset)
    }
  }

  /// The escape that follows `\u`: four hexadecimal digits, or twice four for a character that does not fit 16 bits.
  private mutating func unicode(_ offset: Int) throws(JSONParser.Failure) -> Character {
    guard let high = hexDigits() else { throw noCharacter(offset) }
    var value = high
    if (0xD800...0xDBFF).contains(high) {
      guard current == UInt8(ascii: "\\") else { throw noCharacter(offset) }
      position += 1
      guard current == UInt8(ascii: "u") else { throw noCharacter(offset) }
      position += 1
      guard let low = hexDigits(), (0xDC00...0xDFFF).contains(low) else { throw noCharacter(offset) }
      value = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(value), !scalar.isNoncharacter else { throw noCharacter(offset) }
    return Character(scalar)
  }

  private mutating func hexDigits() -> UInt32? {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 + UInt32(digit)
      position += 1
    }
    return value
  }

  private func noCharacter(_ offset: Int) -> JSONParser.Failure {
    let shown = String(spelling: bytes[offset..<min(offset + 6, bytes.count)])
    return failure("\(shown) is not a valid Unicode character", at: offset)
  }
}
