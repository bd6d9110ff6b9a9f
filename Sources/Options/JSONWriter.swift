// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Prints values as JSON in plain ASCII, in the layouts that users of QEMU's tools know.
package struct JSONWriter {
  /// The text so far.
  private var text = ""
  private let indented: Bool

  private init(indented: Bool) { self.indented = indented }

  /// One value a line, four spaces a level, without a final line feed.
  package static func pretty(_ tree: OptionTree) -> String {
    var writer = JSONWriter(indented: true)
    writer.write(tree, depth: 0)
    return writer.text
  }

  /// Everything on one line: `{"a": 1, "b": [true, null]}`.
  package static func compact(_ tree: OptionTree) -> String {
    var writer = JSONWriter(indented: false)
    writer.write(tree, depth: 0)
    return writer.text
  }

  private mutating func write(_ tree: OptionTree, depth: Int) {
    switch tree {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .unsigned(let value): text += String(value)
    case .real(let value): text += JSONWriter.text(of: value)
    case .string(let value): write(value)
    case .array(let elements):
      text += "["
      for (position, element) in elements.enumerated() {
        startItem(isFirst: position == 0, depth: depth + 1)
        write(element, depth: depth + 1)
      }
      endItems(depth: depth)
      text += "]"
    case .object(let object):
      text += "{"
      for (position, entry) in object.entries.enumerated() {
        startItem(isFirst: position == 0, depth: depth + 1)
        write(entry.key)
        text += ": "
        write(entry.value, depth: depth + 1)
      }
      endItems(depth: depth)
      text += "}"
    }
  }

  private mutating func startItem(isFirst: Bool, depth: Int) {
    if !isFirst { text += indented ? "," : ", " }
    if indented { newLine(depth) }
  }

  /// Brackets of an empty array stand on two lines as well; that is the layout scripts know.
  private mutating func endItems(depth: Int) {
    if indented { newLine(depth) }
  }

  private mutating func newLine(_ depth: Int) {
    text += "\n"
    text += String(repeating: "    ", count: depth)
  }

  private static func text(of value: Double) -> String {
    // JSON has no word for what is not finite.
    guard value.isFinite else { return "null" }
    let text = value.description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private mutating func write(_ value: String) {
    text += "\""
    for scalar in JSONBytes.characters(of: value.spelledBytes) {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{08}": text += "\\b"
      case "\u{0C}": text += "\\f"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case " "..<"\u{7F}": text.unicodeScalars.append(scalar)
      default: writeEscaped(scalar)
      }
    }
    text += "\""
  }

  private mutating func writeEscaped(_ scalar: Unicode.Scalar) {
    for unit in UTF16.encode(scalar) ?? UTF16.EncodedScalar() {
      let digits = String(unit, radix: 16, uppercase: true)
      text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }
}

extension Unicode.Scalar {
  /// Whether Unicode sets the value aside for use inside a program only.
  var isNoncharacter: Bool { value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(value) }
}

extension StringProtocol {
  /// Whether any character is one that Unicode sets aside for use inside a program only.
  var hasNoncharacter: Bool { unicodeScalars.contains { $0.isNoncharacter } }
}
