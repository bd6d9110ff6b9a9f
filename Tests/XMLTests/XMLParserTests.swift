// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Errors
import Support
import Testing

@testable import XML

@Suite struct XMLParserTests {
  private func parse(_ text: [UInt8], _ limits: XMLLimits = .descriptor) throws -> XMLElement {
    let buffer = Buffer(text)
    return try XMLParser.parse(buffer.bytes, limits: limits)
  }

  private func parse(_ text: String, _ limits: XMLLimits = .descriptor) throws -> XMLElement {
    try parse(Array(text.utf8), limits)
  }

  private func failure(_ text: [UInt8], _ limits: XMLLimits = .descriptor) -> BlockError? {
    do {
      _ = try parse(text, limits)
      return nil
    } catch { return error as? BlockError }
  }

  @Test("elements, attributes with namespaces, text, CDATA, comments and references to characters")
  func content() throws {
    let root = try parse(
      """
      \u{FEFF}<?xml version="1.0" encoding="UTF-8" standalone='yes'?>
      <!-- about < & > -->
      <o:Envelope xmlns:o="urn:one" xmlns="urn:two" plain="a &amp; b" o:size='&#49;&lt;"'>
        <File o:href="d&#233;.vmdk"/><?skip < this?>
        <o:File> one<!-- no --> two <![CDATA[<&>]]></o:File>
        <unknown:File href="x"/>
      </o:Envelope>
      """)
    #expect(root.name == "Envelope" && root.namespace == "urn:one")
    #expect(root.attributes.map(\.name) == ["plain", "size"])
    #expect(root.attribute("plain") == "a & b" && root.attribute("size", of: ["urn:one"]) == "1<\"")
    #expect(root.attribute("size", of: ["urn:two", ""]) == nil)
    #expect(root.children.map(\.namespace).prefix(2) == ["urn:two", "urn:one"])
    #expect(root.children("File").count == 2)
    #expect(root.child("File")?.attribute("href") == String(spelling: "dé.vmdk".utf8))
    #expect(root.children[1].text == "one two <&>")
    #expect(root.child("Missing") == nil && root.text == "")
  }

  @Test("a property list's document type may be named, and is not fetched")
  func documentType() throws {
    // Nothing answers there: fetching would take longer than the test, or fail.
    let root = try parse(
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://192.0.2.1/DTDs/PropertyList-1.0.dtd">
      <plist version="1.0"><dict><key>a</key><data>
      AAEC
      </data></dict></plist>
      """, .propertyList)
    #expect(root.child("dict")?.child("data")?.text == "AAEC")
    #expect(root.child("dict")?.children.map(\.name) == ["key", "data"])
    let missing = try parse("<!DOCTYPE a SYSTEM \"/nonexistent[.dtd\"><a/>")
    #expect(missing.name == "a")
  }

  @Test(
    "what is refused before it is parsed",
    arguments: [
      // Entity bombs: in content, in attributes, between declarations, from outside.
      (
        "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\">]><a>&y;</a>",
        BlockError.Kind.refused, "document type of its own"
      ),
      ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>", .refused, "declares entities"),
      ("<!DOCTYPE a [<!ENTITY % p \"<!ENTITY x 'y'>\"> %p;]><a b=\"&x;\"/>", .refused, "declares entities"),
      ("<!DOCTYPE a PUBLIC \"]>\" 'x' [ ]><a/>", .refused, "declares entities"),
      ("<a>&nbsp;</a>", .refused, "refers to entities"), ("<a b='&x;'/>", .refused, "refers to entities"),
      ("<!DOCTYPE a SYSTEM \"x\"><a b='&x;'/>", .refused, "refers to entities"),
      ("<!DOCTYPE a SYSTEM \"x\"><a>&x;</a>", .refused, "refers to entities"),
      ("<?xml version='1.0' encoding='ISO-8859-1'?><a/>", .unsupported, "'ISO-8859-1'"),
      ("<?xml version='1.0' encoding = \"EBCDIC\"?><a/>", .unsupported, "only UTF-8"),
    ])
  func refused(_ text: String, _ kind: BlockError.Kind, _ words: String) {
    let error = failure(Array(text.utf8))
    #expect(error?.kind == kind && error?.message.contains(words) == true, "\(error?.message ?? "parsed")")
  }

  @Test(
    "what is not well-formed is an error with its line, and nothing else is said",
    arguments: [
      "", " ", "<", "<a", "<a>", "<a></b>", "<a><b></a></b>", "<a/><b/>", "<a/>x", "<a b=1/>",
      "<a b='1' b='2'/>",
      "<a b='<'/>", "<a>&#0;</a>", "<a>&#xFFFFFFFFF;</a>", "<a>\u{1}</a>", "<a>]]></a>", "<a><!-- -- --></a>",
      "<a><![CDATA[</a>", "text", "<?xml version='1.0'?>",
      "<a/><!DOCTYPE a>", "<!DOCTYPE a", "<a/><?xml version='1.0'?>", "<a>&lt</a>", "<!ELEMENT a><a/>",
      "\0<a/>",
    ])
  func malformed(_ text: String) {
    let error = failure(Array(text.utf8))
    #expect(
      error?.kind == .corrupt || error?.kind == .refused || error?.kind == .unsupported,
      "\(error?.message ?? "parsed")")
    #expect(error?.message.contains("\n") == false)
  }

  @Test("a text that ends anywhere is an error")
  func truncated() throws {
    let whole = Array("<?xml version=\"1.0\"?><!--c--><a b='c'><d>text&amp;</d><![CDATA[x]]></a>".utf8)
    for count in whole.indices { #expect(failure(Array(whole[..<count])) != nil, "\(count) bytes") }
    #expect(failure(whole) == nil)
  }

  @Test(
    "bytes that are no UTF-8, and other encodings, are errors",
    arguments: [
      [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF], [0],
    ])
  func encoding(_ bytes: [UInt8]) {
    #expect(failure(Array("<a>".utf8) + bytes + Array("</a>".utf8))?.kind == .corrupt)
    #expect(failure(Array("<a b='".utf8) + bytes + Array("'/>".utf8))?.kind == .corrupt)
    #expect(failure([0, 0x3C, 0, 0x61, 0, 0x2F, 0, 0x3E])?.kind == .unsupported)
  }

  /// A text in UTF-16 with a byte order mark.
  private func wide(_ text: String, isBig: Bool) -> [UInt8] {
    ([0xFEFF] + Array(text.utf16)).flatMap { (unit: UInt16) -> [UInt8] in
      let bytes = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
      return isBig ? bytes : bytes.reversed()
    }
  }

  @Test("UTF-16 with a byte order mark is read, and screened as UTF-8 is", arguments: [false, true])
  func wideText(_ isBig: Bool) throws {
    for prolog in [
      "", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>", "<?xml version='1.0' encoding='utf-16'?>",
    ] {
      let root = try parse(wide(prolog + "<a b='d\u{E9}\u{1F4BE}.vmdk'>\u{20AC}</a>", isBig: isBig))
      #expect(root.attribute("b") == String(spelling: "d\u{E9}\u{1F4BE}.vmdk".utf8))
      #expect(root.text == String(spelling: "\u{20AC}".utf8))
    }
    let utf8 = failure(wide("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>", isBig: isBig))
    #expect(utf8?.kind == .unsupported && utf8?.message.contains("in UTF-16, but says") == true)
    #expect(failure(wide("<!DOCTYPE x [<!ENTITY a \"b\">]><a>&a;</a>", isBig: isBig))?.kind == .refused)
    #expect(failure(wide("<a>", isBig: isBig))?.kind == .corrupt)
    #expect(failure(wide("<a/>", isBig: isBig) + [0])?.kind == .corrupt)
    #expect(failure(wide("", isBig: isBig))?.kind == .corrupt)
    // Ten bytes become fifteen.
    let small = XMLLimits(bytes: 12)
    #expect(failure(wide("<a/>  ", isBig: isBig), small)?.kind == .tooLarge)
    #expect(failure(wide("\u{20AC}\u{20AC}\u{20AC}\u{20AC}\u{20AC}", isBig: isBig), small)?.kind == .tooLarge)
    #expect(failure([0xFF, 0xFE, 0, 0, 0x3C, 0, 0, 0])?.kind == .unsupported)
    #expect(failure(Array("<?xml version='1.0' encoding='UTF-16'?><a/>".utf8))?.kind == .unsupported)
  }

  @Test("elements inside each other, elements, attributes and bytes are bounded")
  func limits() throws {
    let deep = { (count: Int) in
      String(repeating: "<a>", count: count) + String(repeating: "</a>", count: count)
    }
    #expect(try parse(deep(64)).name == "a")
    #expect(failure(Array(deep(65).utf8))?.kind == .tooLarge)
    #expect(failure(Array(deep(100_000).utf8))?.kind == .tooLarge)
    let many = { (count: Int) in "<a>" + String(repeating: "<b/>", count: count - 1) + "</a>" }
    #expect(try parse(many(1 << 16)).children.count == (1 << 16) - 1)
    #expect(failure(Array(many((1 << 16) + 1).utf8))?.kind == .tooLarge)
    let wide = { (count: Int) in "<a" + (0..<count).map { " b\($0)='/>'" }.joined() + "/>" }
    #expect(try parse(wide(256)).attributes.count == 256)
    #expect(failure(Array(wide(257).utf8))?.kind == .tooLarge)
    #expect(failure(Array(wide(80000).utf8))?.kind == .tooLarge)
    let long = { (count: Int) in "<a b='" + String(repeating: ">", count: count) + "'/>" }
    #expect(try parse(long(60000)).attribute("b")?.utf8.count == 60000)
    #expect(failure(Array(long(70000).utf8))?.kind == .tooLarge)
    let small = XMLLimits(bytes: 8)
    #expect(
      try parse("<a/>    ", small).name == "a" && failure(Array("<a/>     ".utf8), small)?.kind == .tooLarge)
  }

  @Test(
    "a long text takes no longer than reading it",
    arguments: [
      ("<a>", "x", "</a>"), ("<a b='", "x", "'/>"), ("<a><!--", "x", "--></a>"),
      ("<a><![CDATA[", "x", "]]></a>"),
      ("<a><?p ", "x", "?></a>"), ("<a>", "&amp;", "</a>"), ("<a b='", "&#49;", "'/>"), ("<", "x", "/>"),
      ("<a>", " ", "</a>"), ("<a>", "<", ""), ("<a>", ">", "</a>"), ("<a", " ", "/>"), ("<a b='", ">", "'/>"),
    ])
  func long(_ start: String, _ middle: String, _ end: String) {
    let limits = XMLLimits(bytes: 1 << 20)
    let room = limits.bytes - start.utf8.count - end.utf8.count
    let text =
      Array(start.utf8)
      + Array(repeating: Array(middle.utf8), count: room / middle.utf8.count).joined() + Array(end.utf8)
    let clock = ContinuousClock()
    let time = clock.measure { _ = failure(text, limits) }
    // In a build without optimisation. A parser that looks at the start again and again would take minutes.
    #expect(time < .seconds(5), "\(start)\(middle)…: \(time)")
  }
}
