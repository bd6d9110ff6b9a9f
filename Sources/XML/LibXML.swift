// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CXml
internal import Errors
internal import Host

/// The functions of libxml2, loaded when the first text is read.
@safe
struct LibXML: @unchecked Sendable {
  // Sendable because the functions never change and each works on a reader of its caller.
  let open: strata_xml_reader_for_memory
  let free: strata_xml_reader_free
  let setErrorHandler: strata_xml_reader_set_error_handler
  let read: strata_xml_reader_step
  let nodeType: strata_xml_reader_step
  let isEmptyElement: strata_xml_reader_step
  let moveToNextAttribute: strata_xml_reader_step
  let moveToElement: strata_xml_reader_step
  let isNamespaceDeclaration: strata_xml_reader_step
  let lineNumber: strata_xml_reader_step
  let localName: strata_xml_reader_text
  let namespace: strata_xml_reader_text
  let value: strata_xml_reader_text

  private static let loaded = LoadedLibrary(.xml) { library throws(BlockError) in try LibXML(library) }

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> LibXML { try loaded.functions() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    unsafe open = try library.function("xmlReaderForMemory", as: strata_xml_reader_for_memory.self)
    unsafe free = try library.function("xmlFreeTextReader", as: strata_xml_reader_free.self)
    unsafe setErrorHandler = try library.function(
      "xmlTextReaderSetStructuredErrorHandler", as: strata_xml_reader_set_error_handler.self)
    unsafe read = try library.function("xmlTextReaderRead", as: strata_xml_reader_step.self)
    unsafe nodeType = try library.function("xmlTextReaderNodeType", as: strata_xml_reader_step.self)
    unsafe isEmptyElement = try library.function(
      "xmlTextReaderIsEmptyElement", as: strata_xml_reader_step.self)
    unsafe moveToNextAttribute = try library.function(
      "xmlTextReaderMoveToNextAttribute", as: strata_xml_reader_step.self)
    unsafe moveToElement = try library.function("xmlTextReaderMoveToElement", as: strata_xml_reader_step.self)
    unsafe isNamespaceDeclaration = try library.function(
      "xmlTextReaderIsNamespaceDecl", as: strata_xml_reader_step.self)
    unsafe lineNumber = try library.function(
      "xmlTextReaderGetParserLineNumber", as: strata_xml_reader_step.self)
    unsafe localName = try library.function("xmlTextReaderConstLocalName", as: strata_xml_reader_text.self)
    unsafe namespace = try library.function("xmlTextReaderConstNamespaceUri", as: strata_xml_reader_text.self)
    unsafe value = try library.function("xmlTextReaderConstValue", as: strata_xml_reader_text.self)
    // Before any thread uses the library.
    try library.function("xmlInitParser", as: strata_xml_init_parser.self)()
  }
}
