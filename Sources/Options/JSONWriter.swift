// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Prints values as JSON in plain ASCII, in the layouts that users of QEMU's tools know.
package struct JSONWriter {
  /// The text so far, without what was handed out.
  private var text = ""
  private let indented: Bool
  /// Takes the text in pieces; nil where it is wanted as a whole.
  private let handOut: ((String) -> Void)?
  private static let piece = 1 << 16

  private init(indented: Bool, _ handOut: ((String) -> Void)? = nil) {
    self.indented = indented
    self.handOut = handOut
  }

  /// One value a line, four spaces a level, without a final line feed.
  package static func pretty(_ tree: OptionTree) -> String {
    var writer = JSONWriter(indented: true)
    writer.write(tree, depth: 0)
    return writer.text
  }

  /// The same in pieces, so that the whole never stands in memory.
  package static func pretty(_ tree: OptionTree, _ print: @escaping (String) -> Void) {
    var writer = JSONWriter(indented: true, print)
    writer.write(tree, depth: 0)
    print(writer.text)
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
    case .array(let elements): writeArray(elements.count, depth: depth) { elements[$0] }
    case .list(let list): writeArray(list.count, depth: depth) { list[$0] }
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

  private mutating func writeArray(_ count: Int, depth: Int, _ element: (Int) -> OptionTree) {
    text += "["
    for position in 0..<count {
      startItem(isFirst: position == 0, depth: depth + 1)
      write(element(position), depth: depth + 1)
      if let handOut, text.utf8.count >= JSONWriter.piece {
        handOut(text)
        text = ""
      }
    }
    endItems(depth: depth)
    text += "]"
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
    var ascii: [UInt8] = [UInt8(ascii: "\"")]
    for scalar in JSONBytes.characters(of: value.spelledBytes) {
      switch scalar {
      case "\"": ascii += [0x5C, 0x22]
      case "\\": ascii += [0x5C, 0x5C]
      case "\u{08}": ascii += [0x5C, UInt8(ascii: "b")]
      case "\u{0C}": ascii += [0x5C, UInt8(ascii: "f")]
      case "\n": ascii += [0x5C, UInt8(ascii: "n")]
      case "\r": ascii += [0x5C, UInt8(ascii: "r")]
      case "\t": ascii += [0x5C, UInt8(ascii: "t")]
      case " "..<"\u{7F}": ascii.append(UInt8(scalar.value))
      default: JSONWriter.escape(scalar, in: &ascii)
      }
    }
    ascii.append(UInt8(ascii: "\""))
    text += String(decoding: ascii, as: UTF8.self)
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  private static func escape(_ scalar: Unicode.Scalar, in ascii: inout [UInt8]) {
    for unit in UTF16.encode(scalar) ?? UTF16.EncodedScalar() {
      ascii += [0x5C, UInt8(ascii: "u")]
      for shift in [12, 8, 4, 0] { ascii.append(digits[Int(unit >> UInt16(shift)) & 15]) }
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
