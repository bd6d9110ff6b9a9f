// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Jobs
internal import Options

/// `formats`: lists the formats that the program can read and write.
struct FormatsCommand: ProgramCommand {
  static var isOwn: Bool { true }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "formats", abstract: "List the image formats, what each can do, and its options.",
      usage: "strata formats [OPTIONS] [FORMAT…]",
      discussion: """
        Without FORMAT, all of them. With FORMAT, and for programs (--output=json), each has its abilities, the \
        options that create takes, and those that amend takes, with the values that there are.

        EXAMPLES:
          strata formats
          strata formats vhdx
          strata formats --output=json qcow2
        """)
  }

  @OptionGroup(title: group(OutputOptions.self))
  var output: OutputOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("Formats.", valueName: "format"))
  var names: [String] = []

  func perform(in session: Session) throws -> Int32 {
    let form = try output.format()
    var kinds: [any DriverKind] = []
    if names.isEmpty {
      for kind in session.opener.kinds where !kind.isProtocol { kinds.append(kind) }
    }
    for name in names {
      guard let kind = session.opener.kind(named: name), !kind.isProtocol else {
        let known = OptionCandidates.formats
        let meant = Nearest.name(to: name, among: known)
        throw UsageError(
          "Unknown file format '\(name)'",
          hint: meant.map { "Did you mean '\($0)'?" } ?? "There are \(known.joined(separator: ", ")).")
      }
      kinds.append(kind)
    }
    let entries = kinds.map(FormatEntry.init)
    switch form {
    case .human:
      let width = entries.map(\.width).max() ?? 0
      for (index, entry) in entries.enumerated() {
        if index > 0, !names.isEmpty { session.console.print("\n") }
        session.console.print(entry.line(width) + (names.isEmpty ? "" : entry.details))
      }
    case .json:
      let list: OptionObject = [
        "schema-version": OptionTree(ResultReport.schemaVersion), "formats": .array(entries.map(\.tree)),
      ]
      session.console.print(.object(list))
    }
    return 0
  }
}

/// One format, for people and for programs.
struct FormatEntry {
  private let kind: any DriverKind

  init(_ kind: any DriverKind) { self.kind = kind }

  /// Whether empty images are made, and others become longer and shorter.
  private var isMade: Bool { kind.makesImages && !(kind is any BundlingKind) }

  /// The abilities of the format, in a fixed order.
  private var abilities: [(name: String, has: Bool)] {
    [
      ("create", isMade),
      ("bundle", kind is any BundlingKind), ("backing", kind.supportsBacking),
      ("measure", kind is any MeasuringKind), ("amend", !kind.amendOptions.specs.isEmpty),
      ("encryption", kind.creationOptions.specs.contains { $0.name.hasSuffix("key-secret") }),
      ("compression", kind.supportsCompression),
      ("data-file", kind.creationOptions["data_file"] != nil),
      ("snapshots", kind.driverTypes.contains { $0 is any SnapshottingDriver.Type }),
      ("bitmaps", kind.driverTypes.contains { $0 is any BitmapDriver.Type }),
      (
        "check",
        // What holds images whole has the check of the one that is shown.
        kind.driverTypes.contains { $0 is any CheckingDriver.Type || $0 is any ContainingDriver.Type }
      ),
      ("resize", isMade),
      ("inspect", kind is any InspectingKind), ("filter", kind.isFilter),
      ("read-only", kind.isReadOnly),
    ]
  }

  /// The format's own options, and those of the file that it is made in.
  private var createOptions: OptionList { Drivers.all.creationOptions(of: kind) }

  /// Columns that the name takes at least, with what sets it apart.
  var width: Int { max(kind.name.utf8.count + 1, 12) }

  /// Name, in so many columns, and abilities.
  func line(_ width: Int) -> String {
    let names = abilities.filter(\.has).map(\.name)
    return Columns.left(kind.name, width) + names.joined(separator: ", ") + "\n"
  }

  /// The options that create and amend take, and what values they have.
  var details: String {
    var text = ""
    let maker = kind is any BundlingKind ? "convert" : "create"
    for (command, list) in [(maker, createOptions), ("amend", kind.amendOptions)] where !list.specs.isEmpty {
      text += "\nOptions of \(command) -o:\n" + list.lines(withValues: true)
    }
    return text
  }

  /// Name, abilities and options.
  var tree: OptionTree {
    var flags = OptionObject()
    for ability in abilities { flags[ability.name] = .bool(ability.has) }
    return [
      "name": .string(kind.name), "abilities": .object(flags),
      "create-options": .array(createOptions.specs.map(FormatEntry.tree)),
      "amend-options": .array(kind.amendOptions.specs.map(FormatEntry.tree)),
    ]
  }

  private static func tree(_ spec: OptionSpec) -> OptionTree {
    var object: OptionObject = ["name": .string(spec.name)]
    switch spec.kind {
    case .bool: object["type"] = "bool"
    case .number: object["type"] = "number"
    case .size: object["type"] = "size"
    case .string: object["type"] = "string"
    }
    object["help"] = .string(spec.help)
    let values = OptionCandidates.values(of: spec)
    if !values.takesFiles, !values.entries.isEmpty, spec.kind != .bool {
      object["values"] = .array(values.entries.map { .string($0.word) })
    }
    if let bounds = spec.bounds {
      object["minimum"] = OptionTree(bounds.range.lowerBound)
      object["maximum"] = OptionTree(bounds.range.upperBound)
      if bounds.unit > 1 { object["rounded-up-to"] = OptionTree(bounds.unit) }
    }
    if let value = spec.defaultValue { object["default"] = value }
    return .object(object)
  }
}
