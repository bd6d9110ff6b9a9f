// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// `completion`: prints the script that makes a shell complete the program's command lines.
struct CompletionCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "completion", abstract: "Print the completion script of a shell.",
      usage: "strata completion [OPTIONS] SHELL",
      discussion: """
        SHELL is bash, zsh or fish. The script asks the program what may stand at a place of the line, so that it \
        completes commands, options, formats, their options and values, and the names of snapshots and bitmaps. \
        What 'make install' and the Debian package put in place is the same.

        EXAMPLES:
          source <(strata completion bash)
          strata completion zsh > "${fpath[1]}/_strata"
          strata completion fish > ~/.config/fish/completions/strata.fish
        """)
  }

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The shell.", valueName: "shell"))
  var shells: [String] = []

  func perform(in session: Session) throws -> Int32 {
    guard shells.count == 1, let shell = CompletionScript.Shell(rawValue: shells[0]) else {
      throw UsageError("Expecting one shell: bash, zsh or fish")
    }
    session.console.print(CompletionScript.text(for: shell))
    return 0
  }
}

extension Completer {
  /// The hidden command that completion scripts call: `__complete POSITION WORD…`. Never fails: a shell that
  /// completes has no place for messages.
  static func answer(_ arguments: [String]) -> String {
    guard let position = arguments.first.flatMap({ Int($0) }), position >= 0, position < 1 << 16 else {
      return ""
    }
    return Completer(Array(arguments.dropFirst()), at: position).candidates.lines
  }
}
