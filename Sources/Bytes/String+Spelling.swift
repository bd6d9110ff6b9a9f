// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// Names are bytes, and the command line, headers and system calls hand over bytes that need be no text at all. In
// between they are strings, spelled so that nothing is lost and two names are equal only where their bytes are:
// printable ASCII stands for itself, and every other byte is the character U+10FE00 + byte, one of Unicode's private
// use. So a name is never cut, joined or compared by what Unicode thinks of it, and a line feed in a name is not one
// of ours. Text becomes readable where it is shown, and nowhere before.

extension String {
  /// The text that stands for `bytes`, whatever they are.
  package init(spelling bytes: some Sequence<UInt8>) {
    self.init()
    for byte in bytes { unicodeScalars.append(Unicode.Scalar(spelling: byte)) }
  }

  /// The text that stands for the bytes of a C string, which are copied.
  @unsafe
  package init(cName: UnsafePointer<CChar>) {
    self.init()
    var position = 0
    while true {
      let byte = unsafe UInt8(bitPattern: cName[position])
      if byte == 0 { return }
      unicodeScalars.append(Unicode.Scalar(spelling: byte))
      position += 1
    }
  }

  /// The bytes that the text stands for: the inverse of `init(spelling:)`. Of text that was not made by it, the UTF-8.
  package var spelledBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    for scalar in unicodeScalars { scalar.forEachSpelledByte { bytes.append($0) } }
    return bytes
  }

  /// Those bytes as C takes a name: with a zero byte behind them.
  package var cName: [CChar] {
    var bytes: [CChar] = []
    bytes.reserveCapacity(utf8.count + 1)
    for scalar in unicodeScalars { scalar.forEachSpelledByte { bytes.append(CChar(bitPattern: $0)) } }
    bytes.append(0)
    return bytes
  }

  /// The same name spelled as names from elsewhere are, so that the two can be compared: for text that a program made.
  package var spelled: String { String(spelling: spelledBytes) }

  /// How many bytes the text stands for.
  package var spelledCount: Int {
    var count = 0
    for scalar in unicodeScalars { scalar.forEachSpelledByte { _ in count += 1 } }
    return count
  }
}

extension UTF8 {
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
