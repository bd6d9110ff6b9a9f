// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `commit`: the content of an image into a layer below it.
struct CommitCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "commit", abstract: "Write the content of an image into its backing file.",
      usage: "strata commit [OPTIONS] FILE",
      discussion: """
        The image reads the same before, during and after. It is emptied in the end, unless -d or -b is given. The \
        backing file grows where it is shorter. With -b, layers between the image and the base must not be used \
        by themselves any more.

        EXAMPLES:
          strata commit overlay.qcow2
          strata commit -p -d overlay.qcow2
          strata commit -b base.qcow2 overlay.qcow2
        """)
  }

  @Option(
    name: option("f", "format"),
    help: ArgumentHelp("The format of the image; without it, the content is looked at.", valueName: "format"))
  var format: String?

  @Option(
    name: option("b", "base"),
    help: ArgumentHelp("The layer to commit to; the image's backing file without it.", valueName: "file"))
  var base: String?

  @Flag(name: flag("d", "drop"), help: "Leave the image as it is: it is going to be thrown away.")
  var drop = false

  @Option(name: option("t", "cache"), help: .cacheMode)
  var cache: String?

  @Option(
    name: option("r", "rate-limit"),
    help: ArgumentHelp("The most bytes to copy in a second, such as 100M.", valueName: "rate"))
  var rateLimit: String?

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
    let rateLimit = try parseRateLimit(self.rateLimit, warn: session.console.warn)
    let file = try onlyOperand(files)
    var job: CommitJob?
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet, atOnce: false)
    do {
      let flags = try cacheMode(cache, "cache", default: .writeback).flags
      let image = try AccessOptions.image(file, isOptions: imageOptions, format: format, flags: flags)
      var options = CommitOptions(image: try session.name(of: image))
      options.settings = image.settings
      options.base = base
      options.keepsContent = drop
      options.rateLimit = rateLimit
      let commit = CommitJob(options, opener: session.opener)
      job = commit
      try session.run(commit, reporter)
      reporter.complete()
    } catch {
      if job?.hasOpened == true { reporter.start() }
      reporter.finish()
      throw error
    }
    reporter.finish()
    session.result = ["filename": .string(file)]
    if let base { session.result["base"] = .string(base) }
    if !standard.quiet { session.console.print("Image committed.\n") }
    return 0
  }
}
