// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Jobs

/// The text of `--help` where the program stands in the place of `qemu-img`. Programs look there for the release, for
/// options of commands, each of which is described in one line, and for the formats.
enum StandInHelp {
  private static let name = "qemu-img"

  /// The help of the program.
  static var text: String {
    var text = frame.head + "usage: \(name) [standard options] command [command options]\n\n"
    text +=
      "Standard options:\n  -h, --help\n  -V, --version\n  -T, --trace [[enable=]event][,events=file][,file=file]\n"
    text += "\nCommand syntax:\n"
    for command in Program.commands { text += "  " + syntax(CommandDescription(of: command)) + "\n" }
    text += "\nOptions of every command:\n  "
    text += options(of: CommandDescription(of: CreateCommand.self)) {
      $0.section == CommandDescription.everywhere
    }
    return text + "\n\n'\(name) command --help' tells what the options of a command mean.\n" + frame.tail
  }

  /// The help of a command.
  static func text(of command: CommandDescription) -> String {
    frame.head + "\n" + HelpText(command, program: name).text + frame.tail
  }

  /// The beginning and the end of every help.
  private static var frame: (head: String, tail: String) {
    let names = Drivers.all.map { $0.name }.sorted().joined(separator: " ")
    return (Program.versionText(calledBy: name), "\nSupported formats: \(names)\n")
  }

  /// How a command is called, in one line with all options. Those that its usage names stand there alone.
  private static func syntax(_ command: CommandDescription) -> String {
    var parts: [String] = []
    var named: Set<String> = []
    var isInside = false
    var words = command.usage.split(separator: " ").dropFirst()
    while let word = words.popFirst() {
      let opening = word.prefix { "[(".contains($0) }
      var closing = closing(of: word)
      isInside = isInside || !opening.isEmpty
      let name = String(word.dropFirst(opening.count).dropLast(closing.count))
      if let option = command.options.first(where: { $0.spellings.contains(name) }) {
        if option.value != nil, let value = words.popFirst() { closing = StandInHelp.closing(of: value) }
        named.formUnion(option.spellings)
        parts.append(opening + (isInside ? spellings(of: option) : "(\(spellings(of: option)))") + closing)
      } else {
        parts.append(String(word))
      }
      isInside = isInside && closing.isEmpty
    }
    let own = options(of: command) {
      $0.section != CommandDescription.everywhere && named.isDisjoint(with: $0.spellings)
    }
    return parts.joined(separator: " ").replacing("[OPTIONS]", with: own)
  }

  private static func closing(of word: Substring) -> String {
    String(word.reversed().prefix { "])…".contains($0) }.reversed())
  }

  private static func options(
    of command: CommandDescription, where isWanted: (CommandDescription.Option) -> Bool
  ) -> String {
    command.options.filter(isWanted).map { "[\(spellings(of: $0))]" }.joined(separator: " ")
  }

  /// The spellings of an option, each with its value.
  private static func spellings(of option: CommandDescription.Option) -> String {
    guard let value = option.value else { return option.spellings.joined(separator: " | ") }
    let spellings = option.short.map { "-\($0) \(value)" } + option.long.map { "--\($0)=\(value)" }
    return spellings.joined(separator: " | ")
  }
}
