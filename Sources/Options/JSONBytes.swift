// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Names in JSON, whose text must be Unicode: a byte that belongs to no UTF-8 is the character U+10FE00 + byte there,
/// from U+10FE80 to U+10FEFF. Where those characters themselves, or ones that JSON texts may not hold, are in a name,
/// each of their bytes is written so. Hence what was written reads as the same bytes, whatever they are.
enum JSONBytes {
  /// The characters to write for the bytes of a name.
  static func characters(of bytes: [UInt8]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(bytes.count)
    var position = 0
    while position < bytes.count {
      let length = UTF8.length(ofCharacterStarting: bytes[position])
      let character = bytes[position..<min(position + length, bytes.count)]
      if let scalar = Unicode.Scalar(validating: character), !scalar.isNoncharacter, scalar.spelledByte == nil
      {
        result.append(scalar)
        position += length
      } else {
        // Never ASCII, which is valid by itself.
        result.append(Unicode.Scalar(spelling: bytes[position]))
        position += 1
      }
    }
    return result
  }

  /// The bytes of a name whose JSON has `content` in UTF-8.
  static func decoded(_ content: [UInt8]) -> [UInt8] {
    guard content.contains(0xF4) else { return content }
    var result: [UInt8] = []
    var position = 0
    while position < content.count {
      let rest = content[position...]
      // U+10FE80 is F4 8F BA 80, U+10FEFF is F4 8F BB BF.
      if rest.count >= 4, rest.starts(with: [0xF4, 0x8F]), (0xBA...0xBB).contains(rest[position + 2]),
        (0x80...0xBF).contains(rest[position + 3])
      {
        result.append(0x80 + (rest[position + 2] - 0xBA) << 6 + (rest[position + 3] - 0x80))
        position += 4
      } else {
        result.append(content[position])
        position += 1
      }
    }
    return result
  }
}
