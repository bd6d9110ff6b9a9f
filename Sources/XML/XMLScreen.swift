// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// A look at an XML text before it is parsed, for what would cost a parser time or memory out of proportion: entities,
/// tags with very many attributes, encodings that hide either.
///
/// It follows a text as long as that is well-formed; where it is not, the parser ends there.
struct XMLScreen: ~Escapable {
  private let text: RawSpan
  private let limits: XMLLimits
  private var position = 0
  private var depth = 0
  private var elements = 0

  @_lifetime(copy text)
  private init(_ text: RawSpan, _ limits: XMLLimits) {
    self.text = text
    self.limits = limits
  }

  /// Looks at a text.
  ///
  /// - Throws: kind `refused` for a document type with declarations of its own and for entities that XML itself does not
  ///   have; `unsupported` for an encoding other than UTF-8; `tooLarge` past a limit.
  static func check(_ text: RawSpan, _ limits: XMLLimits, wasUTF16: Bool) throws(BlockError) {
    try checkLength(text.byteCount, limits)
    var screen = XMLScreen(text, limits)
    try screen.checkEncoding(wasUTF16)
    while screen.position < text.byteCount { try screen.next() }
  }

  /// - Throws: kind `tooLarge` for a text of too many bytes.
  static func checkLength(_ count: Int, _ limits: XMLLimits) throws(BlockError) {
    guard count <= limits.bytes else {
      throw BlockError(.tooLarge, "the XML text has \(count) bytes; no more than \(limits.bytes) are read")
    }
  }

  // MARK: Encoding

  private mutating func checkEncoding(_ wasUTF16: Bool) throws(BlockError) {
    if starts("\u{FEFF}") { position += 3 }
    for offset in 0..<min(2, text.byteCount) where [0, 0xFE, 0xFF].contains(text.byte(at: offset)) {
      throw XMLScreen.encoding("UTF-16 without a byte order mark, or UTF-32")
    }
    guard starts("<?xml") else { return }
    let start = position
    try skip(behind: "?>")
    let declaration = String(decoding: text.bytes(start..<position), as: UTF8.self)
    guard let key = declaration.firstRange(of: "encoding") else { return }
    let value = declaration[key.upperBound...].drop { $0 == " " || $0 == "=" || $0 == "\t" }.dropFirst()
    let name = String(value.prefix { $0 != "\"" && $0 != "'" })
    let names =
      wasUTF16
      ? ["utf-16", "utf-16le", "utf-16be", "utf16", "unicode"] : ["utf-8", "us-ascii", "utf8", "ascii"]
    guard names.contains(name.lowercased()) else {
      guard !wasUTF16 else {
        throw BlockError(
          .unsupported, "the XML text is in UTF-16, but says that it is encoded as '\(name.prefix(40))'")
      }
      throw XMLScreen.encoding(name)
    }
  }

  private static func encoding(_ name: String) -> BlockError {
    BlockError(
      .unsupported,
      "the XML text is encoded as '\(name.prefix(40))'; only UTF-8 is read, and UTF-16 with a byte order mark"
    )
  }

  // MARK: Markup

  private mutating func next() throws(BlockError) {
    switch text.byte(at: position) {
    case UInt8(ascii: "<"): try skipMarkup()
    case UInt8(ascii: "&"): try skipReference()
    default: position += 1
    }
  }

  private mutating func skipMarkup() throws(BlockError) {
    if starts("<!--") { return try skip(behind: "-->") }
    if starts("<![CDATA[") { return try skip(behind: "]]>") }
    if starts("<?") { return try skip(behind: "?>") }
    if starts("<!") { return try skipDocumentType() }
    if starts("</") {
      depth -= 1
      return try skip(behind: ">")
    }
    elements += 1
    depth += 1
    guard elements <= limits.elements else {
      throw BlockError(.tooLarge, "the XML text has more than \(limits.elements) elements")
    }
    guard depth <= limits.depth else {
      throw BlockError(.tooLarge, "the XML text has elements inside each other, more than \(limits.depth)")
    }
    try skipTag()
  }

  private mutating func skipTag() throws(BlockError) {
    var attributes = 0
    var quote: UInt8?
    var last: UInt8 = 0
    let start = position
    while position < text.byteCount {
      guard position - start < XMLLimits.longestTag else {
        throw BlockError(.tooLarge, "a tag of the XML text has more than \(XMLLimits.longestTag) bytes")
      }
      let byte = text.byte(at: position)
      switch byte {
      case UInt8(ascii: "&"):
        try skipReference()
        continue
      case quote: quote = nil
      case _ where quote != nil: break
      case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
      case UInt8(ascii: "="):
        attributes += 1
        guard attributes <= XMLLimits.mostAttributes else {
          throw BlockError(
            .tooLarge, "an element of the XML text has more than \(XMLLimits.mostAttributes) attributes")
        }
      case UInt8(ascii: ">"):
        if last == UInt8(ascii: "/") { depth -= 1 }
        position += 1
        return
      default: break
      }
      last = byte
      position += 1
    }
  }

  /// A reference to a character or to one of XML's own entities; others could stand for anything.
  private mutating func skipReference() throws(BlockError) {
    position += 1
    for name in ["#", "lt;", "gt;", "amp;", "quot;", "apos;"] where starts(name) { return }
    throw BlockError(.refused, "the XML text refers to entities, which are not followed")
  }

  /// A document type may be named; nothing is fetched. One with declarations of its own is refused.
  private mutating func skipDocumentType() throws(BlockError) {
    var quote: UInt8?
    while position < text.byteCount {
      let byte = text.byte(at: position)
      position += 1
      switch byte {
      case quote: quote = nil
      case _ where quote != nil: break
      case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
      case UInt8(ascii: "["):
        throw BlockError(
          .refused, "the XML text declares entities or a document type of its own, which are not followed")
      case UInt8(ascii: ">"): return
      default: break
      }
    }
  }

  // MARK: Bytes

  private func starts(_ sign: String) -> Bool {
    guard text.byteCount - position >= sign.utf8.count else { return false }
    var offset = position
    for byte in sign.utf8 {
      guard text.byte(at: offset) == byte else { return false }
      offset += 1
    }
    return true
  }

  /// Goes on behind the next `sign`, or to the end.
  private mutating func skip(behind sign: String) throws(BlockError) {
    let first = sign.utf8.first
    while position < text.byteCount {
      if text.byte(at: position) == first, starts(sign) {
        position += sign.utf8.count
        return
      }
      position += 1
    }
  }
}
