// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `info`: tells about an image.
struct InfoCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "info", abstract: "Tell what an image is: format, sizes, backing file, snapshots.",
      usage: "strata info [OPTIONS] FILE",
      discussion: """
        Only the image's own tables are read. A backing file is not opened, so that an image whose backing file \
        is missing can be looked at, unless --backing-chain asks for all layers.

        EXAMPLES:
          strata info disk.qcow2
          strata info --output=json --backing-chain overlay.qcow2
        """)
  }

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Flag(name: flag("backing-chain"), help: "Tell of the images below, too, top first.")
  var backingChain = false

  @Flag(name: flag("limits"), help: "Tell what sizes and alignment requests to the image may have.")
  var limits = false

  @Option(name: option("t", "cache"), help: .cacheMode)
  var cache: String?

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let file = try onlyOperand(files)
    let form = try output.format()
    let mode = try cacheMode(cache, "cache", default: .writeback)
    let image = try access.image(file, format: format, disk: disk, flags: mode.flags)
    let job = InfoJob(
      try session.name(of: image), image.settings, followsChain: backingChain, opener: session.opener)
    try session.run(job)
    let trees = job.images.map { InfoTree($0, withLimits: limits) }
    switch form {
    case .human:
      for (index, tree) in trees.enumerated() {
        if index > 0 { session.console.print("\n") }
        InfoText(session.console.print).write(tree)
      }
    case .json: session.console.print(backingChain ? .array(trees.map(\.tree)) : trees.first?.tree ?? .null)
    }
    return 0
  }
}
