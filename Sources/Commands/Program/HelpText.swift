// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The help of a command, or of the program, as `--help` prints it.
struct HelpText {
  private let description: CommandDescription
  /// The name of the program in examples.
  private let program: String
  /// The commands of the program, name and abstract, where it is the program's help.
  private let commands: [(name: String, help: String)]

  init(
    _ description: CommandDescription, program: String = "strata",
    commands: [(name: String, help: String)] = []
  ) {
    self.description = description
    self.program = program
    self.commands = commands
  }

  /// The lines.
  var text: String {
    let (prose, examples) = parts
    var text = description.abstract + "\n\nUSAGE: " + named(description.usage) + "\n"
    if !prose.isEmpty { text += "\n" + HelpText.wrapped(prose, indent: 0) }
    if !commands.isEmpty {
      text += "\nCOMMANDS:\n"
      for command in commands { text += HelpText.entry(command.name, command.help) }
    }
    for section in sections {
      text += "\n" + (section.isEmpty ? "OPTIONS" : section.uppercased()) + ":\n" + entries(in: section)
    }
    return examples.isEmpty ? text : text + "\n" + named(examples) + "\n"
  }

  /// The options under a heading.
  private func entries(in section: String) -> String {
    var text = ""
    for option in description.options where option.section == section {
      text += HelpText.entry(HelpText.left(option), option.help)
    }
    return text
  }

  private func named(_ text: String) -> String {
    program == "strata" ? text : text.replacing("strata ", with: program + " ")
  }

  /// The discussion without and with only its examples.
  private var parts: (prose: String, examples: String) {
    guard let start = description.discussion.firstRange(of: "EXAMPLES:") else {
      return (description.discussion, "")
    }
    let prose = description.discussion[..<start.lowerBound]
    return (HelpText.trimmed(prose), HelpText.trimmed(description.discussion[start.lowerBound...]))
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }

  /// The headings, in the order of their first option; options without one come first.
  private var sections: [String] {
    var sections = description.options.contains { $0.section.isEmpty } ? [""] : []
    for option in description.options where !sections.contains(option.section) {
      sections.append(option.section)
    }
    return sections
  }

  private static func left(_ option: CommandDescription.Option) -> String {
    let spellings = option.spellings.joined(separator: ", ")
    if let value = option.value { return spellings + " <" + value + ">" }
    return option.mayHaveValue ? spellings + "[=<form>]" : spellings
  }

  private static let column = 26

  private static func entry(_ left: String, _ help: String) -> String {
    let head = "  " + left
    let body = wrapped(help, indent: column)
    guard head.utf8.count < column - 1 else { return head + "\n" + body }
    return Columns.left(head, column) + body.dropFirst(column)
  }

  /// `text` in lines of at most 80 columns, each indented; lines that were apart stay apart.
  private static func wrapped(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines = ""
    for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
      var line = margin
      for word in paragraph.split(separator: " ") {
        if line.utf8.count > indent, line.unicodeScalars.count + 1 + word.unicodeScalars.count > 80 {
          lines += line + "\n"
          line = margin
        }
        line += (line.utf8.count > indent ? " " : "") + word
      }
      lines += line + "\n"
    }
    return lines
  }
}
