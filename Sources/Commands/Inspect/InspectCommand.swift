// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors

/// `inspect`: whether an image from somebody else is safe to open.
struct InspectCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "inspect", abstract: "Judge from its header whether an image is safe to open.",
      usage: "strata inspect [OPTIONS] FILE",
      discussion: """
        Reads the first eight MiB, the last 64 KiB and the tables of the file, and nothing that they name. Ends with 0 where \
        the image is safe, with 1 where it is not (it refers to other files, can be taken for several formats, or \
        contradicts itself), and with 2 where it cannot be read.

        EXAMPLES:
          strata inspect upload.img
          strata inspect --output=json -f qcow2 upload.qcow2
        """)
  }

  static var failureStatus: Int32 { 2 }

  @Option(
    name: option("f", "format"),
    help: ArgumentHelp("The format that the image should have; others are then unsafe.", valueName: "format"))
  var format: String?

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let file = try onlyOperand(files)
    let form = try output.format()
    if let format {
      guard let kind = session.opener.kind(named: format), !kind.isProtocol else {
        throw session.opener.unknownFormat(format)
      }
    }
    guard !session.opener.isRemote(file) else {
      throw BlockError(
        .unsupported, "Could not inspect '\(file)': it is neither a file nor a device of this machine",
        naming: file, advice: "'info --untrusted' opens it without following any name.")
    }
    let inspection = try Inspection(
      session.opener.entry(of: file), stated: format, kinds: session.opener.kinds)
    if !standard.quiet {
      switch form {
      case .human: session.console.print(inspection.text(file))
      case .json: session.console.print(inspection.tree(file))
      }
    }
    switch inspection.verdict {
    case .safe: return 0
    case .unsafe: return 1
    case .unreadable: return 2
    }
  }
}
