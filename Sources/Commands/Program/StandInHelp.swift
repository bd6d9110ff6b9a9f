// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Jobs

/// What `--help` prints where the program stands in the place of `qemu-img`. Programs look there for the release, for
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
    text += options(of: CommandDescription(of: CreateCommand.self)) { $0 == CommandDescription.everywhere }
    return text + "\n\n'\(name) command --help' tells what the options of a command mean.\n" + frame.tail
  }

  /// The help of a command.
  static func text(of command: CommandDescription) -> String {
    frame.head + "\n" + HelpText(command, program: name).text + frame.tail
  }

  /// What every help begins and ends with.
  private static var frame: (head: String, tail: String) {
    let names = Drivers.all.map { $0.name }.sorted().joined(separator: " ")
    return (Program.versionText(calledBy: name), "\nSupported formats: \(names)\n")
  }

  /// How a command is called, in one line with all options.
  private static func syntax(_ command: CommandDescription) -> String {
    let own = options(of: command) { $0 != CommandDescription.everywhere }
    let usage = command.usage.split(separator: " ").dropFirst().joined(separator: " ")
    return usage.replacing("[OPTIONS]", with: own)
  }

  private static func options(of command: CommandDescription, where isWanted: (String) -> Bool) -> String {
    command.options.filter { isWanted($0.section) }.map(syntax).joined(separator: " ")
  }

  /// The spellings of an option, each with its value.
  private static func syntax(_ option: CommandDescription.Option) -> String {
    let spellings =
      if let value = option.value {
        option.short.map { "-\($0) \(value)" } + option.long.map { "--\($0)=\(value)" }
      } else {
        option.spellings
      }
    return "[" + spellings.joined(separator: " | ") + "]"
  }
}
