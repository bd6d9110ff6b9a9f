// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `measure`: how large a file would become.
struct MeasureCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "measure", abstract: "Tell how large the file of an image would become.",
      usage: "strata measure [OPTIONS] [FILE | --size SIZE]",
      discussion: """
        Tells what converting FILE, or making an empty image of SIZE bytes, would take at first, and what it could \
        come to take when every byte is written. Nothing is made.

        EXAMPLES:
          strata measure -O qcow2 disk.raw
          strata measure --size 1T -O qcow2 -o cluster_size=2M
        """)
  }

  @Option(
    name: option("f", "format"),
    help: ArgumentHelp("The file's format; without it, the content is looked at.", valueName: "format"))
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Option(
    name: option("O", "target-format"),
    help: ArgumentHelp("The format of the image to be; raw without it.", valueName: "format"))
  var targetFormat = Drivers.unstatedFormat

  @Option(
    name: option("o", "options"),
    help: ArgumentHelp("Options of the image to be: key=value, several with commas.", valueName: "options"))
  var options: [String] = []

  @Option(
    name: option("s", "size"),
    help: ArgumentHelp("The length of the image to be, where there is no file.", valueName: "size"))
  var size: String?

  @Option(
    name: option("l", "snapshot"),
    help: ArgumentHelp("Measure an internal snapshot of the file.", valueName: "snapshot"))
  var snapshot: String?

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image that would be converted.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let list = try CreationOptions(options).list
    let selector = try parseSnapshotSelector(snapshot)
    let form = try output.format()
    let length = try size.map { try parseSize($0, "image size", warn: session.console.warn) }
    try checkCombinations()
    let source: MeasureOptions.Source
    if let length {
      source = .empty(length: length)
    } else {
      var image = try access.image(files[0], format: format, disk: disk)
      image.settings.snapshot = selector
      source = .image(.named(try session.name(of: image), image.settings, session.opener))
    }
    var wish = MeasureOptions(source)
    (wish.format, wish.creationOptions) = (targetFormat, list)
    let job: MeasureJob
    do throws(BlockError) {
      do throws(BlockError) {
        job = try MeasureJob(wish, opener: session.opener)
      } catch {
        // A source that cannot be opened is told first.
        if case .image = source {
          try session.run(MeasureJob(MeasureOptions(source), opener: session.opener))
        }
        throw error
      }
      try session.run(job, session.reporter(isShown: false))
    } catch {
      // A snapshot that is not there says nothing against the image.
      throw error.cause(in: .loadSnapshot) ?? error
    }
    print(job, form, session.console)
    return 0
  }

  private func checkCombinations() throws(BlockError) {
    let mistakes: [(Bool, String)] = [
      (files.count > 1, "At most one filename argument is allowed."),
      (
        files.isEmpty && (access.imageOptions || format != nil || snapshot != nil),
        "--image-opts, -f, and -l require a filename argument."
      ),
      (files.isEmpty && size == nil, "Either --size N or one filename must be specified."),
      (!files.isEmpty && size != nil, "--size N cannot be used together with a filename."),
    ]
    for (isMistake, message) in mistakes where isMistake { throw BlockError(.invalidArgument, message) }
  }

  private func print(_ job: MeasureJob, _ form: OutputFormat, _ console: Console) {
    switch form {
    case .human:
      console.print("required size: \(job.required)\nfully allocated size: \(job.full)\n")
      if let bitmaps = job.bitmaps { console.print("bitmaps size: \(bitmaps)\n") }
    case .json:
      var object = OptionObject()
      if let bitmaps = job.bitmaps { object["bitmaps"] = OptionTree(bitmaps) }
      object["required"] = OptionTree(job.required)
      object["fully-allocated"] = OptionTree(job.full)
      console.print(.object(object))
    }
  }
}
