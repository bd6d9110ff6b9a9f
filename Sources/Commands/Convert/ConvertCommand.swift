// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Host
internal import Jobs
internal import Options

/// `convert`: images into another one.
struct ConvertCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "convert", abstract: "Copy images into a new one, of any format.",
      usage: "strata convert [OPTIONS] SOURCE… TARGET",
      discussion: """
        Several sources are put end to end; into an appliance (-O ova), each goes as a disk of its own. What reads as zero takes no space in the target. The target appears \
        under its name only when it is complete, and what was there before stays until then; with -n, an image \
        that exists is filled in place.

        EXAMPLES:
          strata convert -p -O qcow2 disk.raw disk.qcow2
          strata convert -O qcow2 -c -o compression_type=zstd disk.qcow2 small.qcow2
          strata convert -l before-upgrade -O raw disk.qcow2 old.raw
          strata convert -O qcow2 --disk 1 appliance.ova disk.qcow2
          strata convert -O ova system.qcow2 data.raw appliance.ova
        """)
  }

  @OptionGroup(title: group(ConvertSourceOptions.self, "Source"))
  var source: ConvertSourceOptions

  @OptionGroup(title: group(ConvertTargetOptions.self, "Target"))
  var target: ConvertTargetOptions

  @OptionGroup(title: group(ConvertWorkOptions.self, "Work"))
  var work: ConvertWorkOptions

  @OptionGroup(title: group(ProgressOptions.self))
  var progress: ProgressOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The sources and the target.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let list = try CreationOptions(target.options).list
    if list.asksForHelp && !target.noCreate {
      let file = files.count > 1 ? files.last : nil
      session.console.print(
        try CreationOptions.help(
          format: target.format ?? Drivers.unstatedFormat, target: file, isStandIn: session.console.isStandIn,
          opener: session.opener))
      return 0
    }
    let options = try self.options(list, session)
    try refuseMixture(session)
    if let kind = session.opener.kind(named: options.targetFormat ?? "") as? any BundlingKind {
      return try bundle(options, kind, session)
    }
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet)
    defer { reporter.finish() }
    let job = try ConvertJob(options, opener: session.opener)
    let name = session.console.name
    if !standard.quiet {
      job.warn = { message in Stream.error.write("\(name): warning: \(message)\n") }
    }
    job.warnOfBitmap = session.console.warn
    job.advise = session.console.advise
    try session.run(job, reporter)
    reporter.complete()
    reporter.finish()
    if !target.noCreate {
      session.adviseOfDash(files.last ?? "")
      warnOfNames(options, session)
    }
    if target.format == nil, !target.noCreate { session.adviseOfFormat(of: files.last ?? "", option: "-O") }
    session.result["filename"] = .string(files.last ?? "")
    session.result["format"] = .string(target.format ?? Drivers.unstatedFormat)
    session.result["virtual-size"] = OptionTree(job.length)
    if let checksum = job.checksum {
      session.result["checksum"] = .string(checksum.text)
      session.console.print("\(checksum.text)  \(files.last ?? "")\n")
    }
    return 0
  }

  /// Warns of names in the target that nobody here follows.
  private func warnOfNames(_ options: ConvertOptions, _ session: Session) {
    var creation = OptionObject()
    creation["backing_file"] = (options.backing ?? options.creationOptions["backing_file"]).map {
      .string($0)
    }
    creation["data_file"] = options.creationOptions["data_file"].map { .string($0) }
    session.warnOfNames(
      in: files.last ?? "", format: options.targetFormat ?? Drivers.unstatedFormat, creation)
  }

  /// Puts an image of each source into one file.
  private func bundle(_ options: ConvertOptions, _ kind: any BundlingKind, _ session: Session) throws -> Int32
  {
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet)
    defer { reporter.finish() }
    let job = try BundleJob(options, format: kind, opener: session.opener)
    let name = session.console.name
    if !standard.quiet {
      job.warn = { message in Stream.error.write("\(name): warning: \(message)\n") }
    }
    try session.run(job, reporter)
    reporter.complete()
    reporter.finish()
    session.adviseOfDash(files.last ?? "")
    session.result["filename"] = .string(files.last ?? "")
    session.result["format"] = .string(kind.name)
    session.result["virtual-size"] = OptionTree(job.length)
    return 0
  }
}

/// The options for the images that `convert` reads.
struct ConvertSourceOptions: ParsableArguments {
  @Option(
    name: option("f", "source-format"),
    help: ArgumentHelp(
      "The format of the sources; without it, the content is looked at.", valueName: "format"))
  var format: String?

  @Option(
    name: option("l", "snapshot"),
    help: ArgumentHelp(
      "The internal snapshot to copy: its id or name, or snapshot.id=ID,snapshot.name=NAME.",
      valueName: "snapshot"))
  var snapshot: String?

  @Option(
    name: option("T", "source-cache"),
    help: ArgumentHelp(
      "Cache mode of the sources: none, writeback, writethrough, directsync or unsafe.", valueName: "mode"))
  var cache: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Flag(name: addedFlag("no-verify"), help: .noVerify)
  var noVerify = false

  @Flag(name: flag("salvage"), help: "Put zeros in the place of what cannot be read, and go on.")
  var salvage = false
}

/// The options for the image that `convert` writes.
struct ConvertTargetOptions: ParsableArguments {
  @Option(
    name: option("O", "target-format"),
    help: ArgumentHelp("The format of the target; raw without it.", valueName: "format"))
  var format: String?

  @Option(
    name: option("o", "target-format-options"),
    help: ArgumentHelp(
      "Options of the target's format: key=value, several with commas between; 'help' lists them.",
      valueName: "options"))
  var options: [String] = []

  @Option(
    name: option("b", "B", "backing"), help: ArgumentHelp("The target's backing file.", valueName: "file"))
  var backing: String?

  @Option(
    name: option("F", "backing-format"),
    help: ArgumentHelp("The format of the backing file.", valueName: "format"))
  var backingFormat: String?

  @Flag(name: flag("c", "compress"), help: "Compress the target.")
  var compress = false

  @Option(
    name: option("S", "sparse-size"),
    help: ArgumentHelp("The shortest run of zeros that is left out; 0 writes everything.", valueName: "size"))
  var sparseSize: String?

  @Flag(name: flag("n", "no-create"), help: "Fill a target that exists.")
  var noCreate = false

  @Flag(
    name: flag("target-is-zero"), help: "With -n: the target reads as zero, so zeros need not be written.")
  var isZero = false

  @Flag(name: flag("target-image-opts"), help: "With -n: take the target's name as a list of options.")
  var imageOptions = false

  @Option(
    name: option("t", "target-cache"),
    help: ArgumentHelp(
      "Cache mode of the target: none, writeback, writethrough, directsync or unsafe.", valueName: "mode"))
  var cache: String?

  @Flag(name: flag("bitmaps"), help: "Copy the source's bitmaps, too.")
  var bitmaps = false

  @Flag(name: flag("skip-broken-bitmaps"), help: "With --bitmaps: leave out those that are not consistent.")
  var skipBrokenBitmaps = false
}

/// How `convert` works.
struct ConvertWorkOptions: ParsableArguments {
  @Option(
    name: option("r", "rate-limit"),
    help: ArgumentHelp("The most bytes to copy in a second, such as 100M.", valueName: "rate"))
  var rateLimit: String?

  @Option(
    name: option("m", "parallel"),
    help: ArgumentHelp(
      "How many threads work, 1 to 16; one for each processor without it.", valueName: "count"))
  var parallel: String?

  @Flag(
    name: addedFlag("force"),
    help: "Start although the data does not fit the free space of the target's place.")
  var force = false

  @Flag(name: flag("W", "oob-writes"), help: "Let the target be written out of order.")
  var outOfOrder = false

  @Flag(name: flag("C", "copy-range-offloading"), help: "Let the system copy where it can.")
  var offload = false

  @Flag(
    name: addedFlag("verify"),
    help: "Read the target back and compare it with the sources before it appears under its name.")
  var verify = false

  @Flag(
    name: addedFlag("checksum"),
    help: "Print the checksum of what was copied, as the command checksum does.")
  var checksum = false
}
