// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Crypto
internal import Errors
internal import Jobs
internal import Options

/// `checksum`: a number for the content of an image.
struct ChecksumCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "checksum", abstract: "Tell the checksum of an image's content.",
      usage: "strata checksum [OPTIONS] FILE",
      discussion: """
        What counts is what a guest reads: images of any format with the same content and length have the same \
        checksum. The result begins with sha256-blocks: and is computed from the digests of blocks, so that zeros \
        take no time: the content is cut into blocks of 64 KiB, the last one filled up with zeros, and each is \
        hashed; every 256 digests, filled up with those of zero blocks, are hashed to one of the next level, at \
        least once, until one is left; that and the content's length in bytes (8 bytes, lowest first) are hashed \
        to the result. With --plain it is the ordinary digest of the whole content, as sha256sum tells it of a \
        raw image; every byte is hashed, one after the other.

        EXAMPLES:
          strata checksum disk.qcow2
          strata checksum --plain --algorithm sha512 -f raw disk.raw
        """)
  }

  @Option(
    name: option("a", "algorithm"),
    help: ArgumentHelp(
      "The hash function: \(ContentHash.names.joined(separator: ", ")); sha256 without it.",
      valueName: "algorithm"))
  var algorithm: String?

  @Flag(name: flag("plain"), help: "Hash the whole content in one go, as sha256sum and the like do.")
  var plain = false

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Flag(name: addedFlag("no-verify"), help: .noVerify)
  var noVerify = false

  @Option(
    name: option("l", "snapshot"),
    help: ArgumentHelp(
      "The internal snapshot to read: its id or name, or snapshot.id=ID,snapshot.name=NAME.",
      valueName: "snapshot"))
  var snapshot: String?

  @Option(name: option("T", "source-cache"), help: .cacheMode)
  var cache: String?

  @Option(
    name: option("m", "parallel"),
    help: ArgumentHelp(
      "How many threads work, 1 to 16; one for each processor without it.", valueName: "count"))
  var parallel: String?

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(ProgressOptions.self))
  var progress: ProgressOptions

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let form = try output.format()
    let file = try onlyOperand(files)
    let flags = try cacheMode(cache, "source cache", default: .writeback).flags
    let threads = try parseThreads(parallel)
    let hash = try ContentHash(algorithm ?? "sha256")
    var image = try access.image(file, format: format, disk: disk, flags: flags)
    image.settings.snapshot = try parseSnapshotSelector(snapshot)
    let user = try session.open(image)
    guard let edge = user.edge else { return 1 }
    let reporter = session.reporter(isShown: progress.progress && !standard.quiet && form == .human)
    defer { reporter.finish() }
    let job = ChecksumJob(
      edge, hash, method: plain ? .plain : .blocks, verifies: !noVerify, threads: threads)
    try session.run(job, reporter)
    reporter.complete()
    reporter.finish()
    guard let checksum = job.checksum else { return 1 }
    switch form {
    case .human: session.console.print("\(checksum.text)  \(file)\n")
    case .json: session.console.print(ChecksumCommand.tree(checksum, file))
    }
    return 0
  }

  private static func tree(_ checksum: ContentChecksum, _ file: String) -> OptionTree {
    .object([
      "filename": .string(file), "algorithm": .string(checksum.algorithm.name),
      "method": .string(checksum.method.rawValue), "digest": .string(checksum.digest),
      "virtual-size": OptionTree(checksum.length),
    ])
  }
}
