// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `amend`: other creation options for an image that exists.
struct AmendCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "amend", abstract: "Change options that an image was created with.",
      usage: "strata amend [OPTIONS] -o OPTIONS FILE",
      discussion: """
        What the image reads as stays the same, and at any moment the file holds an image that works.

        EXAMPLES:
          strata amend -o compat=1.1,lazy_refcounts=on disk.qcow2
          strata amend -p -o refcount_bits=8 disk.qcow2
          strata amend -f qcow2 -o help
        """)
  }

  @Option(
    name: option("o", "options"),
    help: ArgumentHelp(
      "What to change: key=value, several with commas between; 'help' lists what can be.",
      valueName: "options"))
  var options: [String] = []

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(name: option("t", "cache"), help: .cacheMode)
  var cache: String?

  @Flag(name: flag("force"), help: "Allow a change after which the data may not be readable any more.")
  var force = false

  @Flag(
    name: flag("image-opts"),
    help: "Take the image's name as a list of options, such as 'driver=qcow2,file.filename=disk.qcow2'.")
  var imageOptions = false

  @OptionGroup(title: group(ProgressOptions.self))
  var progress: ProgressOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let list = try CreationOptions(options).list
    guard !options.isEmpty else { throw UsageError("Must specify options (-o)") }
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet, atOnce: false)
    // The line ends also where nothing was drawn.
    defer { reporter.finish(always: true) }
    if list.asksForHelp, let format {
      session.console.print(try session.opener.knownFormat(format).amendHelp())
      session.console.flush()
      return 0
    }
    guard files.count == 1 else { throw BlockError(.invalidArgument, "Expecting one image file name") }
    let flags = try cacheMode(cache, "cache", default: .writeback).flags
    let image = try AccessOptions.image(
      files[0], isOptions: imageOptions, format: format, flags: flags.union([.writable, .unmap]))
    if list.asksForHelp {
      let name = try session.open(image).edge?.child.driver.name ?? ""
      session.console.print(try session.opener.knownFormat(name).amendHelp())
      session.console.flush()
      return 0
    }
    let job = AmendJob(
      .named(try session.name(of: image), image.settings, session.opener),
      .listed(list, force: force, session.opener))
    try session.run(job, reporter)
    reporter.complete()
    return 0
  }
}
