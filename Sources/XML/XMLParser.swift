// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CXml
package import Errors

/// The bounds of an XML text from an image.
package struct XMLLimits: Sendable {
  /// The most attributes of an element, declarations of namespaces included.
  static let mostAttributes = 256

  /// The most bytes of a tag with its attributes: libxml2 looks through one again for every 512 bytes of it.
  static let longestTag = 64 << 10

  /// The most bytes of the text.
  package var bytes: Int
  /// The most elements inside each other; a parser's own limit is 256.
  package var depth: Int
  /// The most elements.
  package var elements: Int

  /// Makes bounds.
  package init(bytes: Int, depth: Int = 64, elements: Int = 1 << 16) {
    self.bytes = bytes
    self.depth = depth
    self.elements = elements
  }

  /// Those of a description of disks: 1 MiB.
  package static let descriptor = XMLLimits(bytes: 1 << 20)
  /// Those of a property list: 16 MiB.
  package static let propertyList = XMLLimits(bytes: 16 << 20)
}

/// A reader of XML texts that nobody vouches for: over libxml2's pull reader, without validation, network or entities.
package struct XMLParser {
  private let library: LibXML
  private let limits: XMLLimits

  /// The outermost element of a text.
  ///
  /// Text in UTF-16 is read that starts with a byte order mark.
  ///
  /// - Throws: kind `corrupt` for what is not well-formed, `tooLarge` past a limit, `refused` for entities, `unsupported`
  ///   for an encoding other than UTF-8, or where libxml2 is missing.
  package static func parse(_ text: RawSpan, limits: XMLLimits) throws(BlockError) -> XMLElement {
    try XMLScreen.checkLength(text.byteCount, limits)
    guard let bytes = text.utf8FromUTF16 else { return try parse(text, limits, wasUTF16: false) }
    let transcoded = Buffer(bytes)
    return try parse(transcoded.bytes, limits, wasUTF16: true)
  }

  private static func parse(_ text: RawSpan, _ limits: XMLLimits, wasUTF16: Bool) throws(BlockError)
    -> XMLElement
  {
    try XMLScreen.check(text, limits, wasUTF16: wasUTF16)
    let parser = XMLParser(library: try LibXML.shared(), limits: limits)
    return try unsafe text.withUnsafeBytes { (bytes) throws(BlockError) -> XMLElement in
      try unsafe parser.parse(bytes)
    }
  }

  private init(library: LibXML, limits: XMLLimits) {
    self.library = library
    self.limits = limits
  }

  @unsafe
  private func parse(_ bytes: UnsafeRawBufferPointer) throws(BlockError) -> XMLElement {
    let options =
      STRATA_XML_NO_ERROR | STRATA_XML_NO_WARNING | STRATA_XML_NO_NETWORK | STRATA_XML_IGNORE_ENCODING
    let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    guard let count = Int32(exactly: bytes.count), count > 0,
      let reader = unsafe library.open(start, count, nil, "UTF-8", options)
    else { throw BlockError(.corrupt, "the XML text is empty") }
    defer { unsafe library.free(reader) }
    let failure = XMLFailure()
    unsafe library.setErrorHandler(
      reader, { (context, error) in unsafe XMLFailure.note(context, error) },
      Unmanaged.passUnretained(failure).toOpaque())
    defer { withExtendedLifetime(failure) {} }
    return try unsafe elements(of: reader, failure)
  }

  /// Pulls all nodes and returns the outermost element.
  @unsafe
  private func elements(of reader: OpaquePointer, _ failure: XMLFailure) throws(BlockError) -> XMLElement {
    var open: [XMLElement] = []
    var root: XMLElement?
    func close(_ element: XMLElement) {
      if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }
    var count = 0
    while true {
      let step = unsafe library.read(reader)
      if let error = failure.error { throw error }
      guard step >= 0 else { throw XMLFailure.malformed(line: unsafe library.lineNumber(reader), "") }
      guard step > 0 else { break }
      switch unsafe library.nodeType(reader) {
      case STRATA_XML_ELEMENT:
        count += 1
        guard open.count < limits.depth, count <= limits.elements else {
          throw BlockError(.tooLarge, "the XML text has too many elements")
        }
        let isEmpty = unsafe library.isEmptyElement(reader) != 0
        let element = unsafe element(at: reader)
        if isEmpty { close(element) } else { open.append(element) }
      case STRATA_XML_END_ELEMENT:
        if let element = open.popLast() { close(element) }
      case STRATA_XML_TEXT, STRATA_XML_CDATA, STRATA_XML_SIGNIFICANT_WHITESPACE:
        guard !open.isEmpty, let value = unsafe library.value(reader) else { continue }
        unsafe open[open.count - 1].content.append(contentsOf: XMLParser.bytes(value))
      case STRATA_XML_ENTITY_REFERENCE:
        throw BlockError(.refused, "the XML text refers to entities, which are not followed")
      default: break
      }
    }
    guard let root, open.isEmpty else {
      throw XMLFailure.malformed(line: unsafe library.lineNumber(reader), "")
    }
    return root
  }

  /// The element that the reader stands at, without what it contains.
  @unsafe
  private func element(at reader: OpaquePointer) -> XMLElement {
    let (name, namespace) = unsafe (text(library.localName(reader)), text(library.namespace(reader)))
    var attributes: [XMLElement.Attribute] = []
    while unsafe library.moveToNextAttribute(reader) == 1 {
      guard unsafe library.isNamespaceDeclaration(reader) != 1 else { continue }
      unsafe attributes.append(
        XMLElement.Attribute(
          name: text(library.localName(reader)), namespace: text(library.namespace(reader)),
          value: text(library.value(reader))))
    }
    _ = unsafe library.moveToElement(reader)
    return XMLElement(name: name, namespace: namespace, attributes: attributes)
  }

  @unsafe
  private func text(_ text: UnsafePointer<UInt8>?) -> String {
    guard let text = unsafe text else { return "" }
    return unsafe String(spelling: XMLParser.bytes(text))
  }

  /// The bytes of a C string; borrowed from the reader until its next step.
  @unsafe
  private static func bytes(_ text: UnsafePointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var count = 0
    while unsafe text[count] != 0 { count += 1 }
    return unsafe UnsafeBufferPointer(start: text, count: count)
  }
}

/// The first thing that the library finds wrong with a text.
final class XMLFailure {
  /// The error, once there is one.
  private(set) var error: BlockError?

  /// The library's handler: `context` is the failure that it tells.
  @unsafe
  static func note(_ context: UnsafeMutableRawPointer?, _ found: UnsafePointer<strata_xml_error>?) {
    guard let context = unsafe context, let found = unsafe found?.pointee else { return }
    let failure = unsafe Unmanaged<XMLFailure>.fromOpaque(context).takeUnretainedValue()
    // A prefix without a namespace leaves the text well-formed, and a warning says nothing.
    let isFatal = unsafe found.level >= STRATA_XML_LEVEL_FATAL
    let isError = unsafe found.level == STRATA_XML_LEVEL_ERROR
    guard failure.error == nil,
      unsafe isFatal || isError && found.domain != STRATA_XML_DOMAIN_NAMESPACE
    else { return }
    let words = unsafe found.message.map { unsafe String(cName: $0) } ?? ""
    failure.error = malformed(line: unsafe found.line, words)
  }

  /// The error about a text that is not well-formed.
  static func malformed(line: Int32, _ words: String) -> BlockError {
    let reason = String(words.prefix { $0.isASCII }.prefix(100))
    return BlockError(
      .corrupt, "the XML text is not well-formed in line \(line)" + (reason.isEmpty ? "" : " (\(reason))"))
  }
}
