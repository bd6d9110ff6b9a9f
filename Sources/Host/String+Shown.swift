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
    let text = Array(utf8)
    var shown: [UInt8] = []
    shown.reserveCapacity(text.count)
    var name: [UInt8] = []
    var position = 0
    while position < text.count {
      if let byte = UTF8.spelledByte(in: text, at: position) {
        name.append(byte)
        position += 4
      } else {
        if !name.isEmpty { String.append(showing: name, to: &shown) }
        name.removeAll(keepingCapacity: true)
        shown.append(text[position])
        position += 1
      }
    }
    String.append(showing: name, to: &shown)
    return String(decoding: shown, as: UTF8.self)
  }

  /// The first UTF-8 byte of every character that spells a byte.
  private static let firstOfSpelling: UInt8 = 0xF4

  private static func append(showing name: [UInt8], to text: inout [UInt8]) {
    var position = 0
    while position < name.count {
      let byte = name[position]
      let length = UTF8.length(ofCharacterStarting: byte)
      let character = name[position..<Swift.min(position + length, name.count)]
      if (0x20..<0x7F).contains(byte) || isSafeToShow(character) {
        text += character
        position += length
      } else {
        text += [0x5C, 0x78, String.hexadecimal[Int(byte >> 4)], String.hexadecimal[Int(byte & 15)]]
        position += 1
      }
    }
  }

  private static let hexadecimal = Array("0123456789ABCDEF".utf8)

  private static func isSafeToShow(_ character: ArraySlice<UInt8>) -> Bool {
    Unicode.Scalar(validating: character)?.isSafeToShow ?? false
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
