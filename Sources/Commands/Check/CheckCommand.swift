// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs

/// `check`: whether an image's tables agree.
struct CheckCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "check", abstract: "Check whether the tables of an image agree with each other.",
      usage: "strata check [OPTIONS] FILE",
      discussion: """
        Each contradiction is told as it is found. Ends with 0 where there is none, with 1 where the check could \
        not be done, with 2 where data is in danger, with 3 where only space is lost, with 4 where the target that is \
        asked about would refuse the image, and with 63 where the format has no tables to check. Backing files are not needed.

        A repair of leaks gives lost space back; a repair of all also makes refcounts anew, and takes out of the \
        tables what leads nowhere: what cannot be found any more reads as zeros. An interrupted repair can be \
        repeated.

        EXAMPLES:
          strata check disk.qcow2
          strata check --output=json disk.qcow2
          strata check -r all disk.qcow2
          strata check --target=azure disk.vhd
        """)
  }

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(
    name: option("r", "repair"),
    help: ArgumentHelp("Repair 'leaks' or 'all', and check again.", valueName: "what"))
  var repair: String?

  @Option(
    name: option("target"),
    help: ArgumentHelp(
      "Tell also what keeps the image from being taken by esxi, vsphere, virtualbox, aws, azure or gcp.",
      valueName: "name"))
  var target: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Option(name: option("T", "source-cache"), help: .cacheMode)
  var cache: String?

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  /// Statuses that scripts tell apart.
  private enum Status {
    static let clean: Int32 = 0
    static let failed: Int32 = 1
    static let corrupt: Int32 = 2
    static let leaky: Int32 = 3
    static let refused: Int32 = 4
    static let unsupported: Int32 = 63
  }

  func perform(in session: Session) throws -> Int32 {
    let what = repair.flatMap { CheckRepair(rawValue: $0) }
    if let repair, what == nil {
      throw UsageError("Unknown option value for -r (expecting 'leaks' or 'all'): \(repair)")
    }
    let file = try onlyOperand(files)
    let destination = target.flatMap { Destination(rawValue: $0) }
    if let target, destination == nil {
      throw UsageError(
        "Unknown option value for --target (expecting "
          + "\(Destination.allCases.map(\.rawValue).joined(separator: ", "))): \(target)")
    }
    let form = try output.format()
    let mode = try cacheMode(cache, "source cache", default: .writeback)
    let console = session.console
    let image = try access.image(file, format: format, disk: disk, flags: mode.flags)
    if what != nil { try access.refuseForceShare(of: file) }
    let name = try session.name(of: image)
    let job = CheckJob(.named(name, image.settings, session.opener), repair: what, destination: destination) {
      finding in
      console.say(finding)
    } repaired: { result in
      if !standard.quiet, form == .human { console.print(CheckReport(result).repaired) }
    }
    try session.run(job, session.reporter(isShown: false))
    guard let result = job.result ?? (job.refusals == nil ? nil : CheckResult()) else {
      console.report("This image format does not support checks", about: file)
      return Status.unsupported
    }
    guard !result.isUnrepairable else {
      console.report("Check failed: Input/output error", about: file)
      return Status.failed
    }
    if !standard.quiet {
      let report = CheckReport(result, destination, refusals: job.refusals ?? [])
      switch form {
      case .human: console.print((job.result == nil ? "" : report.text) + report.verdict)
      case .json: console.print(report.tree(file: file, format: job.format))
      }
    }
    if result.checkErrors > 0 {
      console.report("Check failed", about: file)
      return Status.failed
    }
    if result.corruptions > 0 { return Status.corrupt }
    if job.refusals?.isEmpty == false { return Status.refused }
    return result.leaks > 0 ? Status.leaky : Status.clean
  }
}
