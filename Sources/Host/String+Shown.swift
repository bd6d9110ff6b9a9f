// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension String {
  /// The text as people see it: the bytes of names as the characters that they are in UTF-8, and `\xE9` for each byte
  /// that is none, or that would do something to a terminal or to the order of what it shows.
  ///
  /// Everything that is written for people goes through here, once: see `Stream.write`. Text of our own, line feeds
  /// included, stays as it is.
  package var shown: String {
    // The usual case: nothing but ASCII and our own words.
    guard utf8.contains(String.firstOfSpelling) else { return self }
    var shown = ""
    var name: [UInt8] = []
    for scalar in unicodeScalars {
      if let byte = scalar.spelledByte {
        name.append(byte)
        continue
      }
      shown.append(showing: name)
      name.removeAll()
      shown.unicodeScalars.append(scalar)
    }
    shown.append(showing: name)
    return shown
  }

  /// The first UTF-8 byte of every character that spells a byte.
  private static let firstOfSpelling: UInt8 = 0xF4

  private mutating func append(showing name: [UInt8]) {
    guard !name.isEmpty else { return }
    var text: [UInt8] = []
    text.reserveCapacity(name.count * 4)
    var position = 0
    while position < name.count {
      let byte = name[position]
      let length = UTF8.length(ofCharacterStarting: byte)
      let character = name[position..<min(position + length, name.count)]
      if (0x20..<0x7F).contains(byte) || isSafeToShow(character) {
        text += character
        position += length
      } else {
        text += [0x5C, 0x78, String.hexadecimal[Int(byte >> 4)], String.hexadecimal[Int(byte & 15)]]
        position += 1
      }
    }
    self += String(decoding: text, as: UTF8.self)
  }

  private static let hexadecimal = Array("0123456789ABCDEF".utf8)

  private func isSafeToShow(_ character: ArraySlice<UInt8>) -> Bool {
    // The usual case of what is no text: a byte that nothing starts with.
    guard character.count > 1 || character.allSatisfy({ $0 < 0x80 }),
      let scalar = String(validating: character, as: UTF8.self)?.unicodeScalars.first
    else { return false }
    return scalar.isSafeToShow
  }
}

extension Unicode.Scalar {
  /// Whether showing the character shows it, and does nothing else: no controls, no ends of lines, nothing invisible
  /// but what joins letters, and none of the characters that have a meaning of ours.
  fileprivate var isSafeToShow: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: false
    case .format: self == "\u{200C}" || self == "\u{200D}"
    default: spelledByte == nil
    }
  }
}
