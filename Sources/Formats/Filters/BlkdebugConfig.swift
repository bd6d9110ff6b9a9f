// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host
internal import Options

/// A file of rules: sections `[inject-error]` and `[set-state]` of lines `name = "value"`.
enum BlkdebugConfig {
  /// Bytes of the largest file.
  private static let largestFile = 1 << 20
  /// Bytes of a name that are read.
  private static let longestName = 63
  /// Bytes of a value that are read.
  private static let longestValue = 1023

  private enum Ascii {
    static let lineFeed = UInt8(ascii: "\n")
    static let quote = UInt8(ascii: "\"")
    static let open = UInt8(ascii: "[")
    static let close = UInt8(ascii: "]")
    static let equal = UInt8(ascii: "=")
    static let hash = UInt8(ascii: "#")
  }

  /// The rules of the file at `path`.
  ///
  /// - Throws: the error of reading the file, or as `parse`.
  static func read(_ path: String) throws(BlockError) -> [BlkdebugRule] {
    let file = try inContext("Could not read blkdebug config file") { () throws(BlockError) in
      try File(path: path, mode: [])
    }
    let content = try inContext("Cannot read config file") { () throws(BlockError) in
      try file.readStart(count: largestFile + 1)
    }
    let rules = try parse(Array(content.array.prefix(largestFile)))
    guard content.count <= largestFile else {
      throw BlockError(.tooLarge, "Cannot read config file: more than \(largestFile) bytes")
    }
    return rules
  }

  /// The rules of a text: those that let requests fail, then those that change the state, each in order.
  ///
  /// - Throws: kind `invalidArgument` for what makes no sense.
  static func parse(_ text: [UInt8]) throws(BlockError) -> [BlkdebugRule] {
    var sections: [(kind: BlkdebugRule.Section, items: [KeyValueList.Item])] = []
    var identifiers: Set<String> = []
    var rest = text[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: Ascii.lineFeed).map { $0 + 1 } ?? rest.endIndex
      // A zero byte ends a line.
      let line = rest[..<end].prefix { $0 != 0 }
      rest = rest[end...]
      if line.first == Ascii.lineFeed || line.first == Ascii.hash { continue }
      if let (name, identifier) = header(line) {
        guard let kind = BlkdebugRule.Section(rawValue: name) else {
          throw BlockError(.invalidArgument, "There is no option group '\(name)'")
        }
        if let identifier {
          try ValueText.refuse(identifier: identifier, option: "id")
          guard identifiers.insert("\(name) \(identifier)").inserted else {
            throw BlockError(.invalidArgument, "Duplicate ID '\(identifier)' for \(name)")
          }
        }
        sections.append((kind, []))
      } else if let item = assignment(line) {
        guard let last = sections.indices.last else { throw BlockError(.invalidArgument, "no group defined") }
        sections[last].items.append(item)
        // A mistake shows before those of later lines.
        _ = try sections[last].kind.options.parse(KeyValueList([item]))
      } else {
        throw BlockError(.invalidArgument, "parse error")
      }
    }
    var rules: [BlkdebugRule] = []
    for kind in BlkdebugRule.Section.allCases {
      for section in sections where section.kind == kind {
        rules.append(try BlkdebugRule(kind, kind.options.parse(KeyValueList(section.items))))
      }
    }
    return rules
  }

  /// The section that a line `[NAME "IDENTIFIER"]` or `[NAME]` begins. Nothing behind the second quote is looked at.
  private static func header(_ line: ArraySlice<UInt8>) -> (name: String, identifier: String?)? {
    guard line.first == Ascii.open else { return nil }
    let inside = line.dropFirst()
    let word = inside.drop(while: isSpace).prefix(longestName).prefix { !isSpace($0) }
    let behind = inside[word.endIndex...].drop(while: isSpace)
    if !word.isEmpty, behind.first == Ascii.quote {
      let identifier = behind.dropFirst().prefix(longestName).prefix { $0 != Ascii.quote }
      if !identifier.isEmpty { return (String(spelling: word), String(spelling: identifier)) }
    }
    let name = inside.prefix(longestName).prefix { $0 != Ascii.close }
    return name.isEmpty ? nil : (String(spelling: name), nil)
  }

  /// The first word of a line, and what stands in quotes behind ` = `; nothing where that is missing.
  private static func assignment(_ line: ArraySlice<UInt8>) -> KeyValueList.Item? {
    let line = line.drop(while: isSpace)
    let key = line.prefix(longestName).prefix { !isSpace($0) }
    guard !key.isEmpty else { return nil }
    var value: ArraySlice<UInt8> = []
    let behind = line[key.endIndex...].drop(while: isSpace)
    if behind.first == Ascii.equal {
      let text = behind.dropFirst().drop(while: isSpace)
      if text.first == Ascii.quote {
        value = text.dropFirst().prefix(longestValue).prefix { $0 != Ascii.quote }
      }
    }
    return KeyValueList.Item(key: String(spelling: key), value: String(spelling: value))
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
