// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

/// Base64 as secrets are written in, where line feeds may stand anywhere, and as headers have it.
package enum Base64 {
  /// Decodes whole groups of four characters. Other programs leave out what is behind the last one, so that a
  /// secret made with them is the same here.
  ///
  /// - Parameter warn: told where something is left out.
  /// - Throws: for a character that does not belong to base64; padding belongs to the end.
  package static func decode(_ text: Secret, warn: (String) -> Void) throws(BlockError) -> Secret {
    var count = 0
    var leftOver = 0
    let room = try Secret(count: text.count / 4 * 3 + 3) { (room: inout MutableRawSpan) throws(BlockError) in
      (count, leftOver) = try decode(text.bytes, into: &room)
    }
    if leftOver > 0 {
      warn("base64 ends inside a group of four characters, \(leftOver) of them are not used")
    }
    return Secret(copying: room.bytes.slice(0..<count))
  }

  /// The bytes that `text` stands for, or nil where it is not base64 from its first to its last character.
  static func bytes(_ text: String) -> [UInt8]? {
    guard text.utf8.count % 4 == 0, !text.utf8.contains(UInt8(ascii: "\n")) else { return nil }
    return (try? decode(Secret(text: text)) { _ in }).map { $0.bytes.bytes(0..<$0.count) }
  }

  /// The bytes that a text stands for in which blanks may stand anywhere and padding may be left out; nil where it is not
  /// base64.
  package static func data(_ text: [UInt8]) -> [UInt8]? {
    var text = text
    text.removeAll { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard text.count % 4 != 1 else { return nil }
    text += Array(repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
    let source = Buffer(text)
    let room = Buffer(count: text.count / 4 * 3)
    var bytes = room.mutableBytes
    guard let (count, _) = try? decode(source.bytes, into: &bytes) else { return nil }
    return room.bytes.bytes(0..<count)
  }

  private static func decode(_ text: RawSpan, into room: inout MutableRawSpan) throws(BlockError) -> (
    Int, Int
  ) {
    var group: UInt32 = 0
    var characters = 0
    var padding = 0
    var count = 0
    for index in 0..<text.byteCount {
      let byte = text.byte(at: index)
      if byte == UInt8(ascii: "\n") { continue }
      let isPadding = byte == UInt8(ascii: "=")
      let bits = isPadding ? 0 : value(of: byte)
      guard let bits, isPadding ? characters >= 2 : padding == 0 else {
        throw BlockError(.invalidArgument, "Base64 data contains invalid characters")
      }
      if isPadding { padding += 1 }
      group = group << 6 | bits
      characters += 1
      guard characters == 4 else { continue }
      for part in 0..<(3 - padding) {
        room.store(UInt8(truncatingIfNeeded: group >> UInt32(16 - 8 * part)), at: count)
        count += 1
      }
      (group, characters) = (0, 0)
    }
    return (count, characters)
  }

  private static func value(of byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
