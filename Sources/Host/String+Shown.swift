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
    var position = 0
    while position < name.count {
      let length = UTF8.length(ofCharacterStarting: name[position])
      let character = name[position..<min(position + length, name.count)]
      if let text = String(validating: character, as: UTF8.self), let scalar = text.unicodeScalars.first,
        scalar.isSafeToShow
      {
        unicodeScalars.append(scalar)
        position += length
      } else {
        let digits = String(name[position], radix: 16, uppercase: true)
        self += "\\x" + (digits.count == 1 ? "0" : "") + digits
        position += 1
      }
    }
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
