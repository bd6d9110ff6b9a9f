// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

/// A file of rules: sections `[inject-error]` and `[set-state]` of lines `name = "value"`.
enum BlkdebugConfig {
  /// Bytes of the largest file.
  static let largestFile = 1 << 20

  /// The rules of a file, in order.
  ///
  /// - Throws: kind `invalidArgument` for what makes no sense.
  static func parse(_ text: String) throws(BlockError) -> [BlkdebugRule] {
    var rules: [BlkdebugRule] = []
    var section: (kind: BlkdebugRule.Section, options: OptionObject)?
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      // What a message quotes is no text of ours.
      let line = String(spelling: line.utf8)[...]
      if line.hasPrefix("#") || line.allSatisfy(\.isWhitespace) { continue }
      if line.hasPrefix("[") {
        if let section { rules.append(try BlkdebugRule(section.kind, section.options)) }
        section = (try kind(of: line, number + 1), [:])
        continue
      }
      let (key, value) = assignment(line)
      guard section != nil else { throw BlockError(.invalidArgument, "no group defined") }
      if section?.kind.knows(key) == false {
        throw BlockError(.invalidArgument, "Invalid parameter '\(key)'")
      }
      section?.options[key] = .string(value)
    }
    if let section { rules.append(try BlkdebugRule(section.kind, section.options)) }
    return rules
  }

  /// The section that a line in brackets begins; it may have a name of its own in quotes.
  private static func kind(of line: Substring, _ number: Int) throws(BlockError) -> BlkdebugRule.Section {
    guard let end = line.firstIndex(of: "]") else {
      throw BlockError(.invalidArgument, "parse error", hint: "in line \(number)")
    }
    let name = line[line.index(after: line.startIndex)..<end].prefix { $0 != " " }
    guard let section = BlkdebugRule.Section(rawValue: String(name)) else {
      throw BlockError(.invalidArgument, "There is no option group '\(name)'")
    }
    return section
  }

  /// The first word of a line, and what stands in quotes behind ` = `; nothing where that is missing.
  private static func assignment(_ line: Substring) -> (key: String, value: String) {
    let line = line.drop(while: \.isWhitespace)
    let key = line.prefix { !$0.isWhitespace }
    var rest = line[key.endIndex...].drop(while: \.isWhitespace)
    guard rest.first == "=" else { return (String(key), "") }
    rest = rest.dropFirst().drop(while: \.isWhitespace)
    guard rest.first == "\"" else { return (String(key), "") }
    return (String(key), String(rest.dropFirst().prefix { $0 != "\"" }))
  }
}
