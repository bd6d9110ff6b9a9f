// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `rebase`: another backing file for an image.
struct RebaseCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "rebase", abstract: "Put an image on another backing file, or on none.",
      usage: "strata rebase [OPTIONS] -b BACKING FILE",
      discussion: """
        What the image reads as stays the same: whatever the new backing file does not show is written to the \
        image first. With -u only the name in the image changes, which is right where the backing file was moved, \
        and wrong where the new one holds anything else.

        EXAMPLES:
          strata rebase -p -b new-base.qcow2 -F qcow2 overlay.qcow2
          strata rebase -b '' overlay.qcow2
          strata rebase -u -b /images/moved.qcow2 -F qcow2 overlay.qcow2
        """)
  }

  @Option(
    name: option("f", "format"),
    help: ArgumentHelp("The format of the image; without it, the content is looked at.", valueName: "format"))
  var format: String?

  @Option(
    name: option("b", "backing"),
    help: ArgumentHelp(
      "The new backing file, relative to the image's folder; empty for none.", valueName: "file"))
  var backing: String?

  @Option(
    name: option("F", "B", "backing-format"),
    help: ArgumentHelp("The format of the new backing file.", valueName: "format"))
  var backingFormat: String?

  @Flag(name: flag("u", "backing-unsafe"), help: "Change the name only, without looking at any backing file.")
  var unsafe = false

  @Flag(name: flag("c", "compress"), help: "Compress what is written to the image. Without effect with -u.")
  var compress = false

  @Option(
    name: option("t", "cache"),
    help: ArgumentHelp(
      "Cache mode of the image: none, writeback, writethrough, directsync or unsafe.", valueName: "mode"))
  var cache: String?

  @Option(
    name: option("T", "backing-cache"),
    help: ArgumentHelp(
      "Cache mode of the new backing file: none, writeback, writethrough, directsync or unsafe.",
      valueName: "mode"))
  var backingCache: String?

  @OptionGroup(title: group(ProgressOptions.self))
  var progress: ProgressOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let file = try onlyOperand(files)
    guard unsafe || backing != nil else {
      throw UsageError("Must specify backing file (-b) or use unsafe mode (-u)")
    }
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet)
    defer { reporter.finish() }
    try session.run(RebaseJob(try options(file, session), opener: session.opener), reporter)
    reporter.complete()
    session.result = ["filename": .string(file), "backing-filename": .string(backing ?? "")]
    return 0
  }

  private func options(_ file: String, _ session: Session) throws(BlockError) -> RebaseOptions {
    let flags = try cacheMode(cache, "cache", default: .writeback).flags
    let sourceFlags = try cacheMode(backingCache, "source cache", default: .writeback).flags
    // Sharing is for those who read: the image itself is written.
    var reading = access
    reading.forceShare = false
    let image = try reading.image(file, format: format, flags: flags)
    var options = RebaseOptions(image: try session.name(of: image))
    options.settings = image.settings
    options.backing = backing
    options.backingFormat = backingFormat
    options.backingFlags = access.forceShare ? sourceFlags.union(.forceShare) : sourceFlags
    options.isUnsafe = unsafe
    options.compresses = compress
    return options
  }
}
