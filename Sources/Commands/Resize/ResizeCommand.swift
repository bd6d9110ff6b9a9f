// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `resize`: a longer or shorter disk.
struct ResizeCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "resize", abstract: "Make an image's disk longer or shorter.",
      usage: "strata resize [OPTIONS] FILE [+-]SIZE",
      discussion: """
        SIZE is the new length, or with + or - in front the difference. It is the last word of the line. What is \
        new reads as zero; partitions and file systems in the image stay as they are.

        EXAMPLES:
          strata resize disk.qcow2 +20G
          strata resize --preallocation=falloc disk.raw 100G
          strata resize --shrink disk.qcow2 -5G
        """)
  }

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Flag(name: flag("shrink"), help: "Allow the disk to become shorter. What is cut off is lost.")
  var shrink = false

  @Option(
    name: option("preallocation"),
    help: ArgumentHelp(
      "What to do about the new part's space: off, metadata, falloc or full.", valueName: "mode"))
  var preallocation: String?

  @Flag(
    name: flag("image-opts"),
    help: "Take the image's name as a list of options, such as 'driver=qcow2,file.filename=disk.qcow2'.")
  var imageOptions = false

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image and its new size.", valueName: "file"))
  var operands: [String] = []

  /// The size, which may begin with a dash.
  static func takeOperand(from words: inout [String]) throws(UsageError) -> String? {
    // No size begins with two dashes: this is an option.
    if let last = words.last, last == "-h" || last.hasPrefix("--") { return nil }
    guard words.count >= 2 else { throw UsageError("Not enough arguments") }
    return words.removeLast()
  }

  static func images(in operands: [String]) -> [String] { Array(operands.prefix(1)) }

  func perform(in session: Session) throws -> Int32 {
    let mode = try preallocationMode()
    guard operands.count == 2 else { throw UsageError("Expecting image file name and size") }
    let change = try sizeChange(operands[1], warn: session.console.warn)
    let image = try AccessOptions.image(
      operands[0], isOptions: imageOptions, format: format, flags: [.writable, .unmap])
    let name = try session.name(of: image)
    let job = ResizeJob(
      .named(name, image.settings, session.opener), change, mayShrink: shrink, preallocation: mode)
    do {
      try session.run(job, session.reporter(isShown: false))
    } catch {
      guard job.lacksLeaveToShrink else { throw error }
      session.console.report(error)
      session.console.warn(
        "Shrinking an image will delete all data beyond the shrunken image's end. Before performing such an "
          + "operation, make sure there is no important data there.")
      return 1
    }
    session.result = [
      "filename": .string(operands[0]), "old-virtual-size": OptionTree(job.lengths.before),
      "virtual-size": OptionTree(job.lengths.after),
    ]
    if !standard.quiet { session.console.print("Image resized.\n") }
    return 0
  }

  private func preallocationMode() throws(BlockError) -> Preallocation {
    guard let preallocation else { return .off }
    guard let mode = Preallocation(rawValue: preallocation) else {
      let modes = Preallocation.allCases.map(\.rawValue).joined(separator: ", ")
      throw BlockError(
        .invalidArgument, "Invalid preallocation mode '\(preallocation)'", advice: "It is one of \(modes).")
    }
    return mode
  }

  private func sizeChange(_ text: String, warn: (String) -> Void) throws(BlockError) -> SizeText.Change {
    let digits = text.hasPrefix("+") || text.hasPrefix("-") ? String(text.dropFirst()) : text
    if SizeText.hasSuffixOnHex(digits) {
      warn("Using a multiplier suffix on hex numbers is deprecated: \(digits)")
    }
    do throws(SizeText.Failure) {
      return try SizeText.parseChange(text)
    } catch {
      throw error.error(option: "size", text: digits)
    }
  }
}
