// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs

/// `map`: tells which parts of an image hold data, and where they are stored.
struct MapCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "map", abstract: "Tell for each range of an image which file holds it, and where.",
      usage: "strata map [OPTIONS] FILE",
      discussion: """
        The list for people has only data that lies in a file as it is. The list for programs (--output=json) \
        has every range: how many layers down it lies, and whether it is present, zero, data or compressed.

        EXAMPLES:
          strata map disk.qcow2
          strata map --output=json -s 1G -l 64M overlay.qcow2
          strata map --output=text-bar overlay.qcow2
          strata map --output=svg overlay.qcow2 > map.svg
        """)
  }

  @Option(name: option("f", "format"), help: .imageFormat)
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Option(
    name: option("s", "start-offset"),
    help: ArgumentHelp("Where to start, in bytes or with a suffix such as 64k.", valueName: "offset"))
  var startOffset: String?

  @Option(
    name: option("l", "max-length"), help: ArgumentHelp("How many bytes to look at.", valueName: "length"))
  var maximumLength: String?

  static var outputForms: [String] { Form.allCases.map(\.rawValue) }

  /// The forms of the result.
  private enum Form: String, CaseIterable {
    case human, json, svg
    case textBar = "text-bar"
  }

  @Option(
    name: option("output"),
    help: ArgumentHelp(
      "Print for people (human), for programs (json), or draw the layers (text-bar, svg).", valueName: "form")
  )
  var output: String?

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("The image.", valueName: "file"))
  var files: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let console = session.console
    let start = try startOffset.map { try parseSize($0, "start offset", warn: console.warn) } ?? 0
    let length = try maximumLength.map { try parseSize($0, "max length", warn: console.warn) } ?? .max
    let file = try onlyOperand(files)
    guard let form = Form(rawValue: output ?? "human") else {
      throw BlockError.noOutput(among: console.isStandIn ? OutputFormat.names : MapCommand.outputForms)
    }
    let user = try session.open(try access.image(file, format: format, disk: disk))
    guard let edge = user.edge else { return 1 }
    var scan = MapScan(edge, start: start, length: length)
    var renderer: any MapRenderer =
      switch form {
      case .human: MapText(console)
      case .json: MapJSON(console, start: start)
      case .textBar: MapPicture(console, edge, start: start, length: length, form: .bar)
      case .svg: MapPicture(console, edge, start: start, length: length, form: .svg)
      }
    renderer.begin()
    // Without a reader there is nobody to look further for.
    while !console.isBroken,
      let entry = try inContext(
        "Could not read file metadata", { () throws(BlockError) in try scan.next() })
    {
      try renderer.add(entry)
    }
    renderer.end()
    return 0
  }
}
