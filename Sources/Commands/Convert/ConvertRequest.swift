// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Errors
internal import Jobs
internal import Options

/// The options of one `convert`, each checked for itself and against the others; nothing is opened.
struct ConvertRequest {
  private let command: ConvertCommand
  private let creationOptions: KeyValueList
  private let sourceCache: CacheMode
  private let targetCache: CacheMode
  private let sparseSize: UInt64?
  private let rateLimit: UInt64?
  private let threads: Int?
  private let snapshot: SnapshotSelector?

  /// - Throws: the first value or combination that makes no sense, in the words that scripts know.
  init(_ command: ConvertCommand, _ creationOptions: KeyValueList, _ session: Session) throws(BlockError) {
    let warn = session.console.warn
    self.command = command
    self.creationOptions = creationOptions
    sparseSize = try ConvertRequest.sparseSize(command.target.sparseSize, warn)
    rateLimit = try ConvertRequest.rateLimit(command.work.rateLimit, warn)
    threads = try ConvertRequest.threads(command.work.parallel)
    snapshot = try parseSnapshotSelector(command.source.snapshot)
    guard command.files.count > 1 else {
      throw BlockError(.invalidArgument, "Must specify image file name")
    }
    try ConvertRequest.checkCombinations(command)
    sourceCache = try cacheMode(command.source.cache, "source cache", default: .writeback)
    targetCache = try cacheMode(command.target.cache, "cache", default: .unsafe)
  }

  /// The same for the job, with names read.
  func options(for session: Session) throws(BlockError) -> ConvertOptions {
    let (access, source, target) = (command.access, command.source, command.target)
    var names: [ImageName] = []
    var settings = OpenSettings()
    for file in command.files.dropLast() {
      let image = try access.image(file, format: source.format, flags: sourceCache.flags)
      names.append(try session.name(of: image))
      settings = image.settings
    }
    settings.snapshot = snapshot
    let targetName = try self.targetName(session)
    var options = ConvertOptions(sources: names, target: targetName)
    options.sourceSettings = settings
    // A target that is described by options says there what it is, or is looked at.
    options.targetFormat = target.format ?? (target.imageOptions ? nil : "raw")
    options.creationOptions = creationOptions
    options.backing = target.backing
    options.backingFormat = target.backingFormat
    options.targetCache = targetCache
    options.compresses = target.compress
    if let sparseSize { options.sparseSize = sparseSize }
    options.skipsCreation = target.noCreate
    options.targetIsZero = target.isZero
    options.salvages = source.salvage
    options.rateLimit = rateLimit
    options.threads = threads
    options.copiesBitmaps = target.bitmaps
    options.skipsBrokenBitmaps = target.skipBrokenBitmaps
    options.offloads = command.work.offload
    options.verifies = command.work.verify
    if command.work.checksum { options.checksum = try ContentHash("sha256") }
    // The peer starts without looking.
    options.ignoresSpace = command.work.force || session.console.isStandIn
    return options
  }

  private func targetName(_ session: Session) throws(BlockError) -> ImageName {
    let text = command.files.last ?? ""
    if command.target.noCreate {
      return try session.name(of: NamedImage(text: text, isOptions: command.target.imageOptions))
    }
    // What is made is a file of that name, not an image that options describe.
    return try ImageName(text, protocols: session.opener.protocols)
  }

  // MARK: Values

  private static func sparseSize(_ text: String?, _ warn: (String) -> Void) throws(BlockError) -> UInt64? {
    guard let text else { return nil }
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

  private static func rateLimit(_ text: String?, _ warn: (String) -> Void) throws(BlockError) -> UInt64? {
    guard let text else { return nil }
    let rate = try parseSize(text, "rate limit", warn: warn)
    return rate == 0 ? nil : rate
  }

  static func threads(_ text: String?) throws(BlockError) -> Int? {
    guard let text else { return nil }
    guard let count = try? ValueText.number(text, option: "parallel"), (1...16).contains(count) else {
      throw BlockError(
        .invalidArgument, "Invalid number of coroutines. Allowed number of coroutines is between 1 and 16")
    }
    return Int(count)
  }

  // MARK: Combinations

  private static func checkCombinations(_ command: ConvertCommand) throws(BlockError) {
    let (source, target, offload) = (command.source, command.target, command.work.offload)
    let mistakes: [(Bool, String)] = [
      (
        target.skipBrokenBitmaps && !target.bitmaps,
        "Use of --skip-broken-bitmaps requires --bitmaps"
      ),
      (
        command.access.imageOptions && source.format != nil || target.imageOptions && target.format != nil,
        "--image-opts and --format are mutually exclusive"
      ),
      (offload && target.sparseSize != nil, "Cannot enable copy offloading when -S is used"),
      (offload && target.compress, "Cannot enable copy offloading when -c is used"),
      (offload && source.salvage, "Cannot use copy offloading in salvaging mode"),
      (target.imageOptions && !target.noCreate, "--target-image-opts requires use of -n flag"),
      (target.isZero && !target.noCreate, "--target-is-zero requires use of -n flag"),
      (target.noCreate && !target.options.isEmpty, "-o has no effect when skipping image creation"),
    ]
    for (isMistake, message) in mistakes where isMistake { throw BlockError(.invalidArgument, message) }
  }
}
