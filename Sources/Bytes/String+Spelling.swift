// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// Names are bytes, and the command line, headers and system calls hand over bytes that need be no text at all. In
// between they are strings, spelled so that nothing is lost and two names are equal only where their bytes are:
// printable ASCII stands for itself, and every other byte is the character U+10FE00 + byte, one of Unicode's private
// use. So a name is never cut, joined or compared by what Unicode thinks of it, and a line feed in a name is not one
// of ours. Text becomes readable where it is shown, and nowhere before.

extension String {
  /// The text that stands for `bytes`, whatever they are.
  package init(spelling bytes: some Sequence<UInt8>) { self.init(spelling: Array(bytes)) }

  /// The text that stands for `bytes`, whatever they are.
  package init(spelling bytes: [UInt8]) {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    for byte in bytes {
      if (0x20...0x7E).contains(byte) {
        text.append(byte)
      } else {
        // U+10FE00 is F4 8F B8 80.
        text.append(0xF4)
        text.append(0x8F)
        text.append(0xB8 + byte >> 6)
        text.append(0x80 + byte & 0x3F)
      }
    }
    self.init(decoding: text, as: UTF8.self)
  }

  /// The text that stands for the bytes of a C string, which are copied.
  @unsafe
  package init(cName: UnsafePointer<CChar>) {
    var bytes: [UInt8] = []
    while case let byte = unsafe UInt8(bitPattern: cName[bytes.count]), byte != 0 { bytes.append(byte) }
    self.init(spelling: bytes)
  }

  /// The bytes that the text stands for: the inverse of `init(spelling:)`. Of text that was not made by it, the UTF-8.
  package var spelledBytes: [UInt8] {
    let text = Array(utf8)
    guard var position = text.firstIndex(of: 0xF4) else { return text }
    var bytes = Array(text[..<position])
    bytes.reserveCapacity(text.count)
    while position < text.count {
      if let byte = UTF8.spelledByte(in: text, at: position) {
        bytes.append(byte)
        position += 4
      } else {
        bytes.append(text[position])
        position += 1
      }
    }
    return bytes
  }

  /// Those bytes as C takes a name: with a zero byte behind them.
  package var cName: [CChar] {
    spelledBytes.map { CChar(bitPattern: $0) } + [0]
  }

  /// The same name spelled as names from elsewhere are, so that the two can be compared: for text that a program made.
  package var spelled: String { String(spelling: spelledBytes) }

  /// How many bytes the text stands for.
  package var spelledCount: Int { spelledBytes.count }
}

extension UTF8 {
  /// The byte that four bytes of the UTF-8 of a text spell, from an index on, if they do.
  package static func spelledByte(in text: [UInt8], at index: Int) -> UInt8? {
    // U+10FE00 is F4 8F B8 80, U+10FEFF is F4 8F BB BF.
    guard text[index] == 0xF4, text[index + 1] == 0x8F, (0xB8...0xBB).contains(text[index + 2]) else {
      return nil
    }
    return (text[index + 2] - 0xB8) << 6 + text[index + 3] & 0x3F
  }

  /// How many bytes a character has whose UTF-8 begins with `byte`, if it is any.
  package static func length(ofCharacterStarting byte: UInt8) -> Int {
    switch byte {
    case 0xC0...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xFF: 4
    default: 1
    }
  }
}

extension Unicode.Scalar {
  /// The character whose UTF-8 the bytes are, if they are that of one.
  package init?(validating bytes: ArraySlice<UInt8>) {
    guard let first = bytes.first else { return nil }
    if first < 0x80, bytes.count == 1 {
      self.init(first)
      return
    }
    // The usual case of what is no text: a byte that nothing starts with, or that nothing follows.
    guard bytes.count > 1, bytes.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 }),
      let scalar = String(validating: bytes, as: UTF8.self)?.unicodeScalars.first
    else { return nil }
    self = scalar
  }

  /// The first character of those that spell bytes.
  private static let firstSpelling: UInt32 = 0x10FE00

  /// The character that stands for a byte.
  package init(spelling byte: UInt8) {
    if (0x20...0x7E).contains(byte) {
      self.init(byte)
    } else {
      self = Unicode.Scalar(Unicode.Scalar.firstSpelling + UInt32(byte)) ?? "\u{FFFD}"
    }
  }

  /// The byte that the character stands for, where it is one of those that spell bytes.
  package var spelledByte: UInt8? {
    value >= Unicode.Scalar.firstSpelling ? UInt8(exactly: value - Unicode.Scalar.firstSpelling) : nil
  }

  /// Hands out the bytes that the character stands for: the one that it spells, or its UTF-8.
  package func forEachSpelledByte(_ body: (UInt8) -> Void) {
    if let spelledByte { body(spelledByte) } else { for byte in UTF8.encode(self) ?? .init() { body(byte) } }
  }
}
