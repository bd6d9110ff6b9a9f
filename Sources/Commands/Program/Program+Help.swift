// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

extension Program {
  /// The release of `qemu-img` whose output the program has where releases differ.
  static let emulatedRelease = "7.2.22"

  /// The help of the command called `topic`, or of the program.
  func help(_ topic: String?) throws(UsageError) -> String {
    if let topic { return help(of: try Program.command(named: topic)) }
    if console.isStandIn { return StandInHelp.text }
    let list = Program.commands.map { ($0.name, $0.configuration.abstract) }
    return HelpText(CommandDescription(of: StrataCommand.self), commands: list).text
  }

  /// The help of a command.
  func help(of command: any ProgramCommand.Type) -> String {
    let description = CommandDescription(of: command)
    return console.isStandIn ? StandInHelp.text(of: description) : HelpText(description).text
  }

  /// The text that `--version` prints.
  static func versionText(calledBy name: String) -> String {
    // Scripts read the release from the first line of the program that they know by this name.
    name == "qemu-img"
      ? "qemu-img version \(emulatedRelease) (Strata \(version))\nCopyright (c) 2026 The Strata authors\n"
      : "strata version \(version)\n"
  }
}

/// The program as a whole, for its help.
struct StrataCommand: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "strata",
      abstract: "Make, convert and look into disk images of virtual machines.",
      usage: "strata [-h] [-V] [-T EVENT] COMMAND [OPTIONS] …",
      discussion: """
        Called by the name qemu-img, the program takes that one's command lines; called by a name such as \
        strata-info, it is that command. 'strata help COMMAND' tells what a command takes, as its own --help does.

        EXAMPLES:
          strata create -f qcow2 disk.qcow2 20G
          strata convert -p -O qcow2 -c disk.raw disk.qcow2
          strata info --output=json disk.qcow2
        """,
      subcommands: Program.commands)
  }

  @Flag(name: flag("V", "version"), help: "Print the version.")
  var printsVersion = false

  @Option(
    name: option("T", "trace"),
    help: ArgumentHelp("Trace an event of the program. There are none in this version.", valueName: "event"))
  var trace: [String] = []
}
