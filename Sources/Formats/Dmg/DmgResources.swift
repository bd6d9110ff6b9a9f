// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Crypto
internal import Errors
internal import XML

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
  ///
  /// - Throws: as the reader of XML does; kind `corrupt` for data that is not base64.
  static func forEachTable(inPropertyList list: Buffer, _ body: (Buffer) throws(BlockError) -> Void)
    throws(BlockError)
  {
    let root = try inContext("the property list") { () throws(BlockError) in
      // Some writers fill the last sector up.
      let bytes = list.bytes
      var end = bytes.byteCount
      while end > 0, bytes.byte(at: end - 1) == 0 { end -= 1 }
      return try XMLParser.parse(bytes.slice(0..<end), limits: .propertyList)
    }
    try forEachTable(in: root, body)
  }

  private static func forEachTable(
    in element: XMLElement, _ body: (Buffer) throws(BlockError) -> Void
  ) throws(BlockError) {
    for child in element.children {
      guard child.name == "data" else {
        try forEachTable(in: child, body)
        continue
      }
      guard let data = Base64.data(child.content) else {
        throw BlockError(.corrupt, "the property list has data that is not base64")
      }
      if data.starts(with: "mish".utf8) { try body(Buffer(data)) }
    }
  }
}
