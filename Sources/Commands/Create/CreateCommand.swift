// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors
internal import Jobs
internal import Options

/// `create`: a new image.
struct CreateCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "create", abstract: "Make a new image.",
      usage: "strata create [OPTIONS] FILE [SIZE]",
      discussion: """
        SIZE is in bytes, or with a suffix such as 512M or 1.5T; without it, the image gets the size of its \
        backing file. The file appears under its name only when the image is complete.

        EXAMPLES:
          strata create -f qcow2 disk.qcow2 20G
          strata create -f qcow2 -o cluster_size=128k,lazy_refcounts=on disk.qcow2 20G
          strata create -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2
          strata create -f qcow2 -o help
        """)
  }

  @Option(name: option("f", "format"), help: ArgumentHelp("The format; raw without it.", valueName: "format"))
  var format: String?

  @Option(
    name: option("o", "options"),
    help: ArgumentHelp(
      "Options of the format: key=value, several with commas between; 'help' lists them.",
      valueName: "options"))
  var options: [String] = []

  @Option(
    name: option("b", "backing"),
    help: ArgumentHelp("The image that shows through where nothing was written.", valueName: "file"))
  var backing: String?

  @Option(
    name: option("F", "B", "backing-format"),
    help: ArgumentHelp("The format of the backing file.", valueName: "format"))
  var backingFormat: String?

  @Flag(name: flag("u", "backing-unsafe"), help: "Do not open the backing file; SIZE is then needed.")
  var backingUnsafe = false

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image and its size.", valueName: "file"))
  var operands: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let list = try CreationOptions(options).list
    let format = format ?? Drivers.unstatedFormat
    if list.asksForHelp {
      let text = try CreationOptions.help(
        format: format, target: operands.first, isStandIn: session.console.isStandIn,
        opener: session.opener)
      session.console.print(text)
      return 0
    }
    guard let path = operands.first else { throw UsageError("Expecting image file name") }
    var request = CreateOptions(path: path, format: format)
    if operands.count > 1 {
      request.size = try parseSize(operands[1], "image size", warn: session.console.warn)
    }
    guard operands.count <= 2 else { throw UsageError("Unexpected argument: \(operands[2])") }
    request.options = list
    request.backing = backing
    request.backingFormat = backingFormat
    request.backingUnsafe = backingUnsafe
    do throws(BlockError) {
      try create(request, in: session)
    } catch {
      throw error.prefixed(path, naming: path)
    }
    if self.format == nil { session.adviseOfFormat(of: path, option: "-f") }
    return 0
  }

  private func create(_ request: CreateOptions, in session: Session) throws(BlockError) {
    let job = try CreateJob(request, graph: session.graph, opener: session.opener)
    if !standard.quiet { session.console.print(job.announcement + "\n") }
    session.console.flush()
    try session.run(job, session.reporter(isShown: false))
    session.warnOfNames(in: request.path, format: request.format, job.recipe.options)
    session.result = [
      "filename": .string(request.path), "format": .string(request.format),
      "virtual-size": OptionTree(job.recipe.size),
    ]
  }
}
