// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// `bench`: how fast requests to an image are.
struct BenchCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "bench", abstract: "Send requests to an image and tell how long they took.",
      usage: "strata bench [OPTIONS] FILE",
      discussion: """
        Each request that is under way has a thread of its own. With -w the image's content is lost.

        EXAMPLES:
          strata bench -f qcow2 disk.qcow2
          strata bench -f raw -t none -c 10000 -d 16 -s 64k disk.raw
          strata bench -w --pattern 0xa5 --flush-interval 1000 -f qcow2 scratch.qcow2
        """)
  }

  @OptionGroup(title: group(BenchRequestOptions.self, "Requests"))
  var requests: BenchRequestOptions

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Option(name: option("t", "cache"), help: .cacheMode)
  var cache: String?

  @Option(
    name: option("i", "aio"),
    help: ArgumentHelp(
      "How requests reach the system: threads, native or io_uring, which are all served by threads.",
      valueName: "method"))
  var method: String?

  @Flag(name: flag("n", "native"), help: "The same as -i native.")
  var isNative = false

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let options = try requests.options(warn: session.console.warn)
    guard let mode = CacheMode(named: cache ?? "writeback") else {
      throw BlockError(.invalidArgument, "Invalid cache mode", advice: CacheMode.advice)
    }
    try checkMethod()
    let file = try onlyOperand(files)
    try requests.checkCombinations(options)
    if options.isWrite { try access.refuseForceShare(of: file) }
    let flags = options.isWrite ? mode.flags.union([.writable, .unmap]) : mode.flags
    let image = try access.image(file, format: format, disk: disk, flags: flags)
    let user = session.graph.makeUser(
      "bench: '\(file)'",
      request: PermissionRequest(
        held: options.isWrite ? [.consistentRead, .write] : .consistentRead,
        shared: options.isWrite ? .consistentRead : .all))
    try session.opener.open(session.name(of: image), image.settings, for: user)
    if !standard.quiet { session.console.print(BenchCommand.announcement(options)) }
    session.console.flush()
    let job = BenchJob(user, named: file, options)
    try session.run(job, session.reporter(isShown: false))
    if !standard.quiet {
      session.console.print("Run completed in \(BenchCommand.fixed(job.seconds)) seconds.\n")
    }
    return 0
  }

  private func checkMethod() throws(BlockError) {
    guard let method, !["threads", "native", "io_uring"].contains(method) else { return }
    throw BlockError(
      .invalidArgument, "Invalid aio option: \(method)", advice: "It is threads, native or io_uring.")
  }

  static func announcement(_ options: BenchOptions) -> String {
    var text =
      "Sending \(options.count) \(options.isWrite ? "write" : "read") requests, \(options.size) bytes each, "
      + "\(options.depth) in parallel (starting at offset \(options.offset), step size \(options.step))\n"
    if options.flushInterval > 0 {
      text += "Sending flush every \(options.flushInterval) requests\n"
    }
    return text
  }

  /// Seconds with three decimals.
  static func fixed(_ seconds: Double) -> String {
    let thousandths = UInt64((max(seconds, 0) * 1000).rounded())
    return "\(thousandths / 1000).\(Columns.padded(thousandths % 1000, 3))"
  }
}

/// The requests that `bench` sends.
struct BenchRequestOptions: ParsableArguments {
  @Option(name: option("c", "count"), help: ArgumentHelp("How many requests; 75000.", valueName: "count"))
  var count: String?

  @Option(
    name: option("d", "depth"), help: ArgumentHelp("How many are under way at once; 64.", valueName: "depth"))
  var depth: String?

  @Option(
    name: option("o", "offset"), help: ArgumentHelp("Where the first one goes; 0.", valueName: "offset"))
  var offset: String?

  @Option(
    name: option("s", "buffer-size"), help: ArgumentHelp("Bytes in a request; 4096.", valueName: "size"))
  var size: String?

  @Option(
    name: option("S", "step-size"),
    help: ArgumentHelp(
      "How much further on each next request goes; without it, the size of a request.", valueName: "size"))
  var step: String?

  @Flag(name: flag("w", "write"), help: "Write instead of reading. The image's content is lost.")
  var write = false

  @Option(
    name: option("pattern"), help: ArgumentHelp("The byte that is written, 0 to 255; 0.", valueName: "byte"))
  var pattern: String?

  @Option(
    name: option("flush-interval"),
    help: ArgumentHelp("With -w: send a flush after so many requests.", valueName: "count"))
  var flushInterval: String?

  @Flag(name: flag("no-drain"), help: "Do not let a flush wait for the requests before it.")
  var noDrain = false

  /// The same, checked one by one.
  ///
  /// - Throws: the first value that is none, in the words that scripts know.
  func options(warn: (String) -> Void) throws(BlockError) -> BenchOptions {
    var options = BenchOptions()
    let largest = UInt64(Int32.max)
    if let count { options.count = try number(count, 0...largest, "request count") }
    if let depth { options.depth = try number(depth, 1...largest, "queue depth") }
    if let flushInterval { options.flushInterval = try number(flushInterval, 0...largest, "flush interval") }
    if let pattern {
      options.pattern = UInt8(truncatingIfNeeded: try number(pattern, 0...255, "pattern byte"))
    }
    if let offset { options.offset = try parseSize(offset, "offset", warn: warn) }
    if let size { options.size = try parseSize(size, "buffer size", in: 0...largest, warn: warn) }
    if let step { options.step = try parseSize(step, "step_size", in: 0...largest, warn: warn) }
    if step == nil || options.step == 0 { options.step = options.size }
    options.isWrite = write
    options.drains = !noDrain
    return options
  }

  /// - Throws: for the first pair of values that makes no sense.
  func checkCombinations(_ options: BenchOptions) throws(BlockError) {
    guard options.flushInterval > 0 else { return }
    if !options.isWrite {
      throw BlockError(.invalidArgument, "--flush-interval is only available in write tests")
    }
    if options.flushInterval < options.depth {
      throw BlockError(.invalidArgument, "Flush interval can't be smaller than depth")
    }
  }

  private func number(_ text: String, _ range: ClosedRange<UInt64>, _ thing: String) throws(BlockError)
    -> UInt64
  {
    guard let value = try? ValueText.number(text, option: thing), range.contains(value) else {
      throw BlockError(.invalidArgument, "Invalid \(thing) specified")
    }
    return value
  }
}
