// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `compare`: whether two images read the same.
struct CompareCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "compare", abstract: "Tell whether two images have the same content.",
      usage: "strata compare [OPTIONS] FILE1 FILE2",
      discussion: """
        Formats, sizes of files and how zeros are stored do not matter, and where one image is longer, the rest \
        of it has to be zero. Ends with 0 where the content is the same, with 1 where it is not, and with 2 or \
        more where that could not be found out.

        EXAMPLES:
          strata compare disk.raw disk.qcow2
          strata compare -f raw -F qcow2 -q disk.raw disk.qcow2 && rm disk.raw
        """)
  }

  static var failureStatus: Int32 { 2 }

  @Option(
    name: option("f", "a-format"), help: ArgumentHelp("The format of the first image.", valueName: "format"))
  var format: String?

  @Option(
    name: option("F", "b-format"), help: ArgumentHelp("The format of the second image.", valueName: "format"))
  var secondFormat: String?

  @Option(
    name: addedOption("a-disk", "disk"),
    help: ArgumentHelp("The disk of the first image, where that is an appliance.", valueName: "disk"))
  var disk: String?

  @Option(
    name: addedOption("b-disk"),
    help: ArgumentHelp("The disk of the second image, where that is an appliance.", valueName: "disk"))
  var secondDisk: String?

  @Flag(name: flag("s", "strict"), help: "Differences of length and of allocation count, too.")
  var strict = false

  @Option(name: option("T", "source-cache"), help: .cacheMode)
  var cache: String?

  @OptionGroup(title: group(ProgressOptions.self))
  var progress: ProgressOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The two images.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    guard files.count == 2 else { throw UsageError("Expecting two image file names") }
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet)
    defer {
      session.console.flush()
      reporter.finish()
    }
    let flags = try cacheMode(cache, "source cache", default: .writeback).flags
    let (one, other) = (
      try access.image(files[0], format: format, disk: disk, flags: flags),
      try access.image(files[1], format: secondFormat, disk: secondDisk, flags: flags)
    )
    let (left, right) = (try session.open(one), try session.open(other))
    guard let mine = left.edge, let theirs = right.edge else { return 2 }
    let job = CompareJob(mine, theirs, isStrict: strict)
    if !standard.quiet {
      job.warnOfSizes = {
        session.console.print("Warning: Image size mismatch!\n")
        session.console.flush()
      }
    }
    do {
      try session.run(job, reporter)
    } catch {
      guard let failure = job.failure else { throw error }
      return report(failure, session.console)
    }
    session.result = tree(job)
    if !standard.quiet { session.console.print(text(job)) }
    return job.result == .identical ? 0 : 1
  }

  private func text(_ job: CompareJob) -> String {
    switch job.result {
    case .identical: return "Images are identical.\n"
    case .different(let offset): return "Content mismatch at offset \(offset)!\n"
    case .sizesDiffer: return "Strict mode: Image size mismatch!\n"
    case .statusDiffers(let offset): return "Strict mode: Offset \(offset) block status mismatch!\n"
    }
  }

  private func tree(_ job: CompareJob) -> OptionObject {
    var object: OptionObject = [
      "identical": .bool(job.result == .identical),
      "sizes-differ": .bool(job.sizesDiffer || job.result == .sizesDiffer),
    ]
    switch job.result {
    case .identical, .sizesDiffer: break
    case .different(let offset):
      object["reason"] = "content"
      object["offset"] = OptionTree(offset)
    case .statusDiffers(let offset):
      object["reason"] = "allocation"
      object["offset"] = OptionTree(offset)
    }
    return object
  }

  private func report(_ failure: CompareFailure, _ console: Console) -> Int32 {
    let file = files[failure.isSecond ? 1 : 0]
    switch failure.step {
    case .status:
      let context = "Sector allocation test failed for \(file)"
      if failure.error.damage != nil {
        console.say(failure.error.finding)
        console.complain(context)
      } else {
        console.report(failure.error.prefixed(context, naming: file))
      }
      return 3
    case .read:
      console.report(
        failure.error.prefixed("Error while reading offset \(failure.offset) of \(file)", naming: file))
      return 4
    }
  }
}
