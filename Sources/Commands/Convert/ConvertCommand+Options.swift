// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Errors
internal import Host
internal import Jobs
internal import Options

extension ConvertCommand {
  /// The job's options as the command line states them; names are read, nothing is opened.
  ///
  /// - Throws: the first value or combination that makes no sense, in the words that scripts know.
  func options(_ creationOptions: KeyValueList, _ session: Session) throws(BlockError) -> ConvertOptions {
    let warn = session.console.warn
    let sparseSize = try self.sparseSize(warn)
    let rateLimit = try parseRateLimit(work.rateLimit, warn: warn)
    let threads = try parseThreads(work.parallel)
    let snapshot = try parseSnapshotSelector(source.snapshot)
    guard let targetText = files.last, files.count > 1 else {
      throw BlockError(.invalidArgument, "Must specify image file name")
    }
    try refuseContradictions()
    let sourceFlags = try cacheMode(source.cache, "source cache", default: .writeback).flags
    let targetCache = try cacheMode(target.cache, "cache", default: .unsafe)
    var names: [ImageName] = []
    var settings = OpenSettings()
    for file in files.dropLast() {
      var image = try access.image(file, format: source.format, flags: sourceFlags)
      image.disk = source.disk
      names.append(try session.name(of: image))
      settings = image.settings
    }
    settings.snapshot = snapshot
    var options = ConvertOptions(sources: names, target: try targetName(targetText, session))
    options.sourceSettings = settings
    // A target that is described by options says there what it is, or is looked at.
    options.targetFormat = target.format ?? (target.imageOptions ? nil : Drivers.unstatedFormat)
    options.creationOptions = creationOptions
    options.backing = target.backing
    options.backingFormat = target.backingFormat
    options.targetCache = targetCache
    options.compresses = target.compress
    options.sparseSize = sparseSize
    options.skipsCreation = target.noCreate
    options.targetIsZero = target.isZero
    options.salvages = source.salvage
    options.rateLimit = rateLimit
    options.threads = threads
    options.copiesBitmaps = target.bitmaps
    options.skipsBrokenBitmaps = target.skipBrokenBitmaps
    options.offloads = work.offload
    options.verifies = work.verify
    options.ignoresDigests = source.noVerify
    if work.checksum { options.checksum = try ContentHash("sha256") }
    // `qemu-img` starts without looking.
    options.ignoresSpace = work.force || session.console.isStandIn
    return options
  }

  private func targetName(_ text: String, _ session: Session) throws(BlockError) -> ImageName {
    if target.noCreate {
      return try session.name(
        of: AccessOptions.image(text, isOptions: target.imageOptions, format: target.format, flags: []))
    }
    // A new target is a file of that name, not an image that options describe.
    return try ImageName(text, protocols: session.opener.protocols)
  }

  private func sparseSize(_ warn: (String) -> Void) throws(BlockError) -> UInt64? {
    guard let text = target.sparseSize else { return nil }
    let size = try parseSize(text, "buffer size for sparse output", warn: warn)
    let largest: UInt64 = 16 << 20
    guard size % 512 == 0, size <= largest else {
      throw BlockError(
        .invalidArgument,
        "Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to \(largest). "
          + "Select 0 to disable sparse detection (fully allocates output).")
    }
    return size
  }

  /// Refuses contradictions that only a command line can hold; the rest is the job's to judge.
  private func refuseContradictions() throws(BlockError) {
    let mistakes: [(Bool, String)] = [
      (target.imageOptions && !target.noCreate, "--target-image-opts requires use of -n flag"),
      (source.disk != nil && files.count > 2, "--disk can only be used with a single source"),
      (target.noCreate && !target.options.isEmpty, "-o has no effect when skipping image creation"),
    ]
    for (isMistake, message) in mistakes where isMistake { throw BlockError(.invalidArgument, message) }
  }

  /// Refuses to say anything where the image goes, which is a pipe.
  func refuseMixture(_ session: Session) throws(BlockError) {
    guard !target.noCreate, let file = files.last, FilePaths.kind(of: file) == .pipe else { return }
    let form = session.progressForm
    let isShown = progress.progress && !standard.quiet
    let words: [(Bool, String, Advice?)] = [
      (
        isShown && (form == .line || form == .json(descriptor: Stream.output.rawValue)), "-p",
        "--progress=bar goes to standard error, and --progress=json:DESCRIPTOR where it is told."
      ),
      (work.checksum, "--checksum", "'strata checksum' prints that of the source."),
      (session.console.form == .report, "--output=json", nil),
    ]
    for (isSaid, option, advice) in words where isSaid && Stream.output.leads(to: file) {
      throw BlockError(
        .invalidArgument, "\(option) writes to standard output, which is the target", advice: advice)
    }
  }
}
