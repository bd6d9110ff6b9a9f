// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The tables of chunks among an image's resources: in a resource fork, or in a property list.
enum DmgResources {
  /// Calls `body` with each table of a resource fork: what begins like one among resources that follow each other, each
  /// with its length in front.
  ///
  /// - Throws: kind `corrupt` where a length makes no sense.
  static func forEachTable(inFork fork: Buffer, _ body: (Buffer) throws(BlockError) -> Void)
    throws(BlockError)
  {
    let bytes = fork.bytes
    guard bytes.byteCount >= 16 else {
      throw BlockError(.corrupt, "the resource fork is only \(bytes.byteCount) bytes long")
    }
    let (start, count) = (Int(bytes.big32(at: 0)), Int(bytes.big32(at: 8)))
    guard start <= bytes.byteCount, count <= bytes.byteCount - start else {
      throw BlockError(
        .corrupt, "the resource fork's data (offset \(start), length \(count)) lies past its end")
    }
    var offset = start
    while start + count - offset >= 4 {
      let length = Int(bytes.big32(at: offset))
      offset += 4
      guard length <= start + count - offset else {
        throw BlockError(
          .corrupt, "a resource (offset \(offset - 4), length \(length)) lies past the fork's end")
      }
      if length >= 4, bytes.bytes(offset..<offset + 4) == Array("mish".utf8) {
        try body(Buffer(copying: bytes.slice(offset..<offset + length)))
      }
      offset += length
    }
  }

  /// Calls `body` with each table of a property list: what begins like one among its `data` elements, wherever they stand.
  /// Comments and other markup are passed; no entity is ever looked up.
  ///
  /// - Throws: kind `corrupt` for an element that does not end, or that is not base64.
  static func forEachTable(inPropertyList list: Buffer, _ body: (Buffer) throws(BlockError) -> Void)
    throws(BlockError)
  {
    var scanner = MarkupScanner(list)
    while let text = try scanner.nextData() {
      let table = try decode(list, text)
      if table.count >= 4, table.bytes.bytes(0..<4) == Array("mish".utf8) { try body(table) }
    }
  }

  /// Decodes base64 in which white space may stand anywhere.
  private static func decode(_ list: Buffer, _ text: Range<Int>) throws(BlockError) -> Buffer {
    let source = list.bytes
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 4 * 3)
    var (group, count, padding) = (UInt32(0), 0, 0)
    for index in text {
      let byte = source.byte(at: index)
      if [0x20, 0x09, 0x0A, 0x0D].contains(byte) { continue }
      if byte == UInt8(ascii: "="), padding < 2 {
        padding += 1
        continue
      }
      guard padding == 0, let value = value(of: byte) else {
        throw BlockError(.corrupt, "the property list (byte \(index)) has data that is not base64")
      }
      group = group << 6 | value
      count += 1
      guard count % 4 == 0 else { continue }
      for shift in [16, 8, 0] as [UInt32] { result.append(UInt8(truncatingIfNeeded: group >> shift)) }
      group = 0
    }
    switch count % 4 {
    case 1:
      throw BlockError(
        .corrupt, "the property list (byte \(text.upperBound)) has base64 that is cut short")
    case 2: result.append(UInt8(truncatingIfNeeded: group >> 4))
    case 3: for shift in [10, 2] as [UInt32] { result.append(UInt8(truncatingIfNeeded: group >> shift)) }
    default: break
    }
    return Buffer(result)
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

/// Finds the `data` elements of a property list, in one pass and without memory of its own.
private struct MarkupScanner {
  private let list: Buffer
  private var position = 0

  private static let comment = (start: Array("<!--".utf8), end: Array("-->".utf8))
  private static let characters = (start: Array("<![CDATA[".utf8), end: Array("]]>".utf8))
  private static let data = (start: Array("<data>".utf8), end: Array("</data>".utf8))

  init(_ list: Buffer) { self.list = list }

  /// The text of the next element; nil at the end.
  mutating func nextData() throws(BlockError) -> Range<Int>? {
    while let start = find([UInt8(ascii: "<")], from: position) {
      if stands(MarkupScanner.comment.start, at: start) {
        _ = try pass(MarkupScanner.comment, at: start, "a comment")
      } else if stands(MarkupScanner.characters.start, at: start) {
        _ = try pass(MarkupScanner.characters, at: start, "character data")
      } else if stands(MarkupScanner.data.start, at: start) {
        return try pass(MarkupScanner.data, at: start, "an element <data>")
      } else {
        position = start + 1
      }
    }
    return nil
  }

  /// Goes on behind what starts at an offset; answers the range of what it has inside.
  private mutating func pass(_ marks: (start: [UInt8], end: [UInt8]), at offset: Int, _ what: String)
    throws(BlockError) -> Range<Int>
  {
    let start = offset + marks.start.count
    guard let end = find(marks.end, from: start) else {
      throw BlockError(.corrupt, "the property list has \(what) (byte \(offset)) that does not end")
    }
    position = end + marks.end.count
    return start..<end
  }

  private func find(_ wanted: [UInt8], from offset: Int) -> Int? {
    let bytes = list.bytes
    let first = wanted[0]
    var index = offset
    while index <= list.count - wanted.count {
      if bytes.byte(at: index) == first, stands(wanted, at: index) { return index }
      index += 1
    }
    return nil
  }

  private func stands(_ wanted: [UInt8], at offset: Int) -> Bool {
    guard offset <= list.count - wanted.count else { return false }
    let bytes = list.bytes
    for (index, byte) in wanted.enumerated() where bytes.byte(at: offset + index) != byte { return false }
    return true
  }
}
