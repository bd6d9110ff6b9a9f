// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Options

/// A command as its declaration describes it: help, manuals and completion are made of this.
struct CommandDescription {
  /// One option or flag.
  struct Option {
    /// The characters that mean it behind one dash.
    var short: [String] = []
    /// The names that mean it behind two dashes.
    var long: [String] = []
    /// The word for its value, nil for a flag.
    var value: String?
    /// The effect of the option, in a sentence or two.
    var help: String
    /// The heading that it stands under, empty for none.
    var section: String
    /// Whether it may be given several times, each counting.
    var isRepeating: Bool
    /// The form that a flag may be given behind an equal sign.
    var mayHaveValue = false

    /// All spellings, short ones first, with dashes.
    var spellings: [String] { short.map { "-" + $0 } + long.map { "--" + $0 } }
  }

  /// The command's name; `strata` for the program.
  var name: String
  /// The purpose of the command, in a sentence.
  var abstract: String
  /// How it is called.
  var usage: String
  /// The help text behind the abstract: prose and examples.
  var discussion: String
  /// The operands: name and meaning.
  var operands: [(name: String, help: String)] = []
  /// Its options, then those that the program adds, then help.
  var options: [Option] = []

  /// The heading of the options that every command has.
  static let everywhere = "With every command"

  /// Describes a command of the program.
  init(of command: any ProgramCommand.Type) {
    self.init(command.configuration, declared: command)
    let added = EverywhereOptions.spellings(besides: Spelling.declared(by: command)).flatMap(\.long)
    let all = CommandDescription.arguments(of: EverywhereOptions.self)
    for entry in all {
      guard var option = CommandDescription.option(entry), option.long.contains(where: added.contains) else {
        continue
      }
      option.section = CommandDescription.everywhere
      options.append(option)
    }
    moveHelpBack()
  }

  /// Describes the program.
  init(of program: StrataCommand.Type) {
    self.init(program.configuration, declared: program)
    moveHelpBack()
  }

  private init(_ configuration: CommandConfiguration, declared type: any ParsableArguments.Type) {
    name = configuration.commandName ?? ""
    abstract = configuration.abstract
    usage = configuration.usage ?? ""
    discussion = configuration.discussion
    let optional = Spelling.declared(by: type).filter(\.mayHaveValue).flatMap(\.long)
    for entry in CommandDescription.arguments(of: type) {
      if var option = CommandDescription.option(entry) {
        option.mayHaveValue = option.long.contains(where: optional.contains)
        options.append(option)
      } else {
        let name = entry["valueName"]?.string ?? ""
        operands.append((name, entry["abstract"]?.string ?? ""))
      }
    }
  }

  private mutating func moveHelpBack() {
    guard let index = options.firstIndex(where: { $0.long.contains("help") }) else { return }
    var help = options.remove(at: index)
    help.help = "Print this help."
    help.section = name == "strata" ? "" : CommandDescription.everywhere
    options.append(help)
  }

  // MARK: The argument parser's knowledge

  /// The arguments of a declaration, in order, as the argument parser dumps them.
  private static func arguments(of type: any ParsableArguments.Type) -> [OptionObject] {
    guard let tree = try? JSONParser.parse(type._dumpHelp()) else { return [] }
    let list = tree.object?["command"]?.object?["arguments"]?.array ?? []
    return list.compactMap(\.object)
  }

  private static func option(_ entry: OptionObject) -> Option? {
    guard let kind = entry["kind"]?.string, kind != "positional" else { return nil }
    var option = Option(
      help: entry["abstract"]?.string ?? "", section: entry["sectionTitle"]?.string ?? "",
      isRepeating: entry["isRepeating"]?.bool ?? false)
    for name in entry["names"]?.array ?? [] {
      guard let text = name.object?["name"]?.string else { continue }
      if name.object?["kind"]?.string == "short" {
        option.short.append(text)
      } else {
        option.long.append(text)
      }
    }
    if kind == "option" { option.value = entry["valueName"]?.string ?? "value" }
    return option
  }
}
