// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors
internal import Host

/// A manual page: a text written by hand, with the parts that follow from the declarations put in.
///
/// The text of the page `strata-create` is `man/text/strata-create`, in mdoc. Its first line is the date (`.Dd`).
/// Name and synopsis come before the rest; the line `.\" OPTIONS` becomes the section about options, and
/// `.\" COMMANDS` the list of commands.
enum ManualPage {
  /// The page whose text is in the file at `path`; the file's name says which one it is.
  static func make(_ path: String) throws -> String {
    let name = FilePaths.name(of: path)
    let text = try readText(path)
    if name == "strata" {
      let list = Program.commands.map { ($0.name, $0.configuration.abstract) }
      return page(CommandDescription(of: StrataCommand.self), text, commands: list)
    }
    guard name.hasPrefix("strata-") else { throw UsageError("No page is called '\(name)'") }
    let command = try Program.command(named: String(name.dropFirst("strata-".count)))
    return page(CommandDescription(of: command), text, commands: [])
  }

  private static func readText(_ path: String) throws(BlockError) -> String {
    try inFile(path, "Could not read") { () throws(BlockError) in
      try File(path: path, mode: []).readText(limit: 1 << 20)
    }
  }

  /// Puts a page together.
  static func page(
    _ description: CommandDescription, _ text: String, commands: [(name: String, help: String)]
  ) -> String {
    let isProgram = description.name == "strata"
    let name = isProgram ? "strata" : "strata-" + description.name
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let date = lines.isEmpty ? "" : lines.removeFirst()
    var page = """
      .\\" Copyright 2026 The Strata authors
      .\\" SPDX-License-Identifier: Apache-2.0
      .\\" Made from man/text/\(name) and the command's declaration; 'make generate' makes it anew.
      \(date)
      .Dt \(name.uppercased()) 1
      .Os
      .Sh NAME
      .Nm \(name)
      .Nd \(Mdoc.escaped(summary(description.abstract)))
      .Sh SYNOPSIS
      \(Mdoc.synopsis(description.usage))

      """
    for (index, line) in lines.enumerated() {
      switch line {
      case #".\" OPTIONS"#: page += options(description)
      case #".\" COMMANDS"#: page += list(commands)
      default: page += index == lines.count - 1 && line.isEmpty ? "" : line + "\n"
      }
    }
    return page
  }

  /// The abstract as the line of a list: no capital letter, no full stop.
  private static func summary(_ abstract: String) -> String {
    let text = abstract.hasSuffix(".") ? abstract.dropLast() : abstract[...]
    return text.prefix(1).lowercased() + text.dropFirst()
  }

  private static func options(_ description: CommandDescription) -> String {
    var text = ".Sh OPTIONS\n"
    var sections: [String] = [""]
    for option in description.options where !sections.contains(option.section) {
      sections.append(option.section)
    }
    for section in sections {
      let options = description.options.filter { $0.section == section }
      guard !options.isEmpty else { continue }
      if !section.isEmpty { text += ".Ss \(section)\n" }
      text += ".Bl -tag -width Ds\n"
      for option in options {
        text += ".It " + Mdoc.spellings(option) + "\n" + Mdoc.paragraph(option.help)
      }
      text += ".El\n"
    }
    return text
  }

  private static func list(_ commands: [(name: String, help: String)]) -> String {
    var text = ".Bl -tag -width Ds\n"
    for command in commands {
      text += ".It Nm strata-\(command.name) Ns Pq 1\n" + Mdoc.paragraph(command.help)
    }
    return text + ".El\n"
  }
}

/// The few words of mdoc that are generated.
enum Mdoc {
  /// Text with nothing in it that mdoc takes for its own.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\e"
      case "…": result += "..."
      case "'" where result.isEmpty, "." where result.isEmpty: result += "\\&" + String(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Sentences, each on a line of its own.
  static func paragraph(_ text: String) -> String {
    var lines = ""
    var rest = text[...]
    while let end = rest.firstRange(of: ". ") {
      lines += filled(String(rest[..<end.lowerBound]) + ".")
      rest = rest[end.upperBound...]
    }
    return lines + filled(String(rest))
  }

  /// Text in lines that editors and mandoc find short enough.
  private static func filled(_ text: String) -> String {
    var lines = ""
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.utf8.count + word.utf8.count > 76 {
        lines += escaped(line) + "\n"
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + escaped(line) + "\n"
  }

  /// An option with its value, as the head of an entry.
  static func spellings(_ option: CommandDescription.Option) -> String {
    let short = option.short.map { "Fl \($0)" }
    let long = option.long.map { "Fl Fl \($0)" }
    var text = (short + long).joined(separator: " , ")
    if let value = option.value {
      text += long.isEmpty ? " Ar \(value)" : " Ns = Ns Ar \(value)"
    } else if option.mayHaveValue {
      text += " Ns Op = Ns Ar form"
    }
    return text
  }

  /// The usage line of a declaration as a synopsis.
  static func synopsis(_ usage: String) -> String {
    let words = usage.split(separator: " ").map(String.init)
    let isProgram = words.count < 2 || words[1].hasPrefix("[")
    var text = ".Nm " + (isProgram ? words.first ?? "" : words.prefix(2).joined(separator: " "))
    /// The words in brackets or braces, of which there may be several.
    var group: [String]?
    for word in words.dropFirst(isProgram ? 1 : 2) {
      if word.hasPrefix("[") || word.hasPrefix("("), !word.hasPrefix("[+-]") { group = [] }
      guard group != nil else {
        text += "\n." + part(word)
        continue
      }
      let ending = ["]…", "]", ")…", ")"].first(where: word.hasSuffix)
      let inner = ending == ")…" ? word.dropLast() : word[...]
      group?.append(part(inner.filter { !"[]()".contains($0) }))
      guard let ending else { continue }
      text += closed(group ?? [], ending)
      group = nil
    }
    return text
  }

  private static func closed(_ group: [String], _ ending: String) -> String {
    let parts = group.joined(separator: " ")
    guard ending.hasPrefix(")") else { return "\n.Op " + parts }
    // On lines of their own, so that they need not fit on one.
    let lines = parts.split(separator: " | ").joined(separator: " |\n.")
    return "\n.Bro\n." + lines + "\n.Brc" + (ending == ")…" ? "\n.Ar ..." : "")
  }

  private static func part(_ word: String) -> String {
    if word == "|" { return "|" }
    if word == "…" { return "Ar ..." }
    if word.hasPrefix("--") { return "Fl Fl " + word.dropFirst(2) }
    if word.hasPrefix("-") { return "Fl " + word.dropFirst() }
    if let equal = word.firstIndex(of: "="), equal != word.startIndex {
      return "Cm " + word[...equal] + " Ns Ar " + word[equal...].dropFirst().lowercased()
    }
    let isMany = word.hasSuffix("…")
    return "Ar " + (isMany ? word.dropLast() + " ..." : word[...]).lowercased()
  }
}
