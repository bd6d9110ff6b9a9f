// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs

/// `bitmap`: records, kept in an image, of what was written to it.
struct BitmapCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "bitmap", abstract: "Make, change or forget a record of what is written to an image.",
      usage: "strata bitmap [OPTIONS] (--add | --remove | --clear | --enable | --disable | --merge SOURCE)… "
        + "FILE BITMAP",
      discussion: """
        A bitmap tells which parts of a disk were written since it was made or cleared, so that a backup need not \
        copy the others. Several actions are done in the order given. A bitmap is enabled when it is made: \
        everything that writes to the image, virtual machines included, keeps it up to date.

        EXAMPLES:
          strata bitmap --add -g 64k disk.qcow2 since-monday
          strata bitmap --merge since-monday --disable disk.qcow2 since-sunday
          strata bitmap --add --merge day1 -b overlay.qcow2 -F qcow2 disk.qcow2 week
        """)
  }

  @Flag(name: flag("add"), help: "Make the bitmap.")
  var add: Int

  @Flag(name: flag("remove"), help: "Forget the bitmap.")
  var remove: Int

  @Flag(name: flag("clear"), help: "Note what is written from now on only.")
  var clear: Int

  @Flag(name: flag("enable"), help: "Note what is written from now on.")
  var enable: Int

  @Flag(name: flag("disable"), help: "Leave the bitmap as it is, whatever is written.")
  var disable: Int

  @Option(
    name: option("merge"),
    help: ArgumentHelp("Add what another bitmap has noted.", valueName: "source"))
  var merge: [String] = []

  @Option(
    name: option("g", "granularity"),
    help: ArgumentHelp(
      "With --add: how much of the disk one bit stands for, a power of two of at least 512.",
      valueName: "size"))
  var granularity: String?

  @Option(
    name: option("b", "source-file"),
    help: ArgumentHelp("With --merge: the image that has the other bitmap.", valueName: "file"))
  var sourceFile: String?

  @Option(
    name: option("F", "source-format"),
    help: ArgumentHelp("The format of that image.", valueName: "format"))
  var sourceFormat: String?

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Flag(
    name: flag("image-opts"),
    help: "Take the image's name as a list of options, such as 'driver=qcow2,file.filename=disk.qcow2'.")
  var imageOptions = false

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image and the bitmap's name.", valueName: "file"))
  var operands: [String] = []

  static func images(in operands: [String]) -> [String] { Array(operands.prefix(1)) }

  func perform(in session: Session) throws -> Int32 {
    let granularity = try granularity.map { try parseSize($0, "granularity", warn: session.console.warn) }
    let actions = actions(session.options)
    try checkCombinations(actions)
    let image = try AccessOptions.image(
      operands[0], isOptions: imageOptions, format: format, flags: [.writable, .unmap])
    let job = BitmapJob(
      try jobImage(image, session), bitmap: operands[1], actions, granularity: granularity,
      mergingFrom: try source(session))
    try session.run(job, session.reporter(isShown: false))
    return 0
  }

  /// The actions that the options ask for, in the order of the command line.
  private func actions(_ options: [Normalizer.Found]) -> [BitmapJob.Action] {
    var actions: [BitmapJob.Action] = []
    for found in options {
      switch found.spelling.long.first {
      case "add": actions.append(.add)
      case "remove": actions.append(.remove)
      case "clear": actions.append(.clear)
      case "enable": actions.append(.enable)
      case "disable": actions.append(.disable)
      case "merge": actions.append(.merge(found.value ?? ""))
      default: break
      }
    }
    return actions
  }

  private func checkCombinations(_ actions: [BitmapJob.Action]) throws(BlockError) {
    let merges = actions.contains { action in if case .merge = action { true } else { false } }
    let mistakes: [(Bool, String)] = [
      (
        actions.isEmpty,
        "Need at least one of --add, --remove, --clear, --enable, --disable, or --merge"
      ),
      (granularity != nil && !actions.contains(.add), "granularity only supported with --add"),
      (sourceFormat != nil && sourceFile == nil, "-F only supported with -b"),
      (sourceFile != nil && !merges, "Merge bitmap source file only supported with --merge"),
      (operands.count != 2, "Expecting filename and bitmap name"),
    ]
    for (isMistake, message) in mistakes where isMistake { throw BlockError(.invalidArgument, message) }
  }

  private func source(_ session: Session) throws -> JobImage? {
    guard let sourceFile else { return nil }
    return try jobImage(
      try AccessOptions.image(sourceFile, isOptions: false, format: sourceFormat, flags: []), session)
  }

  /// Bitmaps describe the image alone: images below it are not looked at.
  private func jobImage(_ image: NamedImage, _ session: Session) throws -> JobImage {
    var settings = image.settings
    settings.followsBacking = false
    return .named(try session.name(of: image), settings, session.opener)
  }
}
