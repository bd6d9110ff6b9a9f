// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host

/// The command line behind the program's name, and the command that this name implies.
struct Invocation: Equatable {
  /// The name that messages begin with.
  var name: String
  /// The command that the name implies, as that of the link `strata-info` does.
  var command: String?
  /// The rest of the command line.
  var words: [String]

  /// Takes a command line apart; its first word is the path the program was called by.
  init(_ words: [String]) {
    let name = words.first.map(FilePaths.name) ?? ""
    self.name = name.isEmpty ? "strata" : name
    self.words = Array(words.dropFirst())
    guard self.name.hasPrefix("strata-") else { return }
    // A copy of the program may be called anything, such as strata-old.
    let implied = String(self.name.dropFirst("strata-".count))
    if Program.commands.contains(where: { $0.name == implied }) { command = implied }
  }
}

/// The options before the command, and what is asked for.
struct GlobalOptions {
  /// The request that the program is to serve.
  enum Request: Equatable {
    /// Print the help of a command, or of the program.
    case help(String?)
    /// Print the version.
    case version
    /// Run a command with the rest of the line.
    case command(String, [String])
  }

  /// The request that the program is to serve.
  let request: Request
  /// Trace events asked for by name. There are none, which is worth a warning.
  let traceEvents: [String]

  /// Reads the command line behind the program's name.
  init(_ words: [String]) throws(UsageError) {
    if let command = words.first, !command.hasPrefix("-"), command != "help" {
      // The usual case, which is to start fast.
      request = .command(command, Array(words.dropFirst()))
      traceEvents = []
      return
    }
    let line = try Normalizer(
      words, spellings: Spelling.declared(by: StrataCommand.self), stopsAtOperand: true)
    traceEvents = line.options.compactMap { $0.value.flatMap(GlobalOptions.traceEvent) }
    if let first = line.options.first(where: { !$0.spelling.takesValue }) {
      request = first.spelling == .help ? .help(nil) : .version
      return
    }
    guard let command = line.operands.first else { throw UsageError("Not enough arguments") }
    let rest = Array(line.operands.dropFirst())
    request = command == "help" ? .help(rest.first) : .command(command, rest)
  }

  /// The event that the argument of `-T` turns on: `[[enable=]EVENT][,events=FILE][,file=FILE]`.
  private static func traceEvent(_ text: String) -> String? {
    for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
      if part.hasPrefix("enable=") { return String(part.dropFirst("enable=".count)) }
      if index == 0, !part.contains("="), !part.isEmpty, part != "help" { return String(part) }
    }
    return nil
  }
}
