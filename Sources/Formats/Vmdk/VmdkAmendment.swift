// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The geometry that a descriptor states: what an adapter has the disk look like.
struct VmdkGeometry: Equatable {
  /// The most cylinders that an IDE disk has.
  private static let mostCylinders: UInt64 = 16383

  let cylinders: UInt64
  let heads: UInt64
  /// Sectors of a track.
  let track: UInt64

  /// The geometry of a new disk.
  init(sectors: UInt64, _ adapter: VmdkPlan.Adapter) {
    self.init(sectors: sectors, heads: adapter == .ide ? 16 : 255, track: 63)
  }

  /// The geometry of a disk that became longer or shorter.
  ///
  /// - Parameters:
  ///   - heads: 1 or more.
  ///   - track: sectors of a track, 1 or more.
  init(sectors: UInt64, heads: UInt64, track: UInt64) {
    self.heads = heads
    self.track = track
    let whole = heads.times(track).map { sectors / $0 } ?? 0
    cylinders = heads <= 16 ? min(whole, VmdkGeometry.mostCylinders) : whole
  }
}

/// What is to be changed in the data base of a descriptor.
struct VmdkAmendment {
  /// The options that `amend` accepts.
  static let options: OptionList = [
    OptionSpec(
      "adapter_type", .string, "Virtual adapter type, one of ide, lsilogic, buslogic, legacyESX or pvscsi",
      values: VmdkPlan.Adapter.allCases.map(\.rawValue)),
    OptionSpec("hwversion", .string, "VMDK hardware version"),
    OptionSpec("toolsversion", .string, "VMware guest tools version"),
    OptionSpec("ddb.*", .string, "Any other key of the disk data base; without a value, it is taken away"),
  ]
  /// The longest name of a key.
  private static let longestKey = 64

  private let adapter: VmdkPlan.Adapter?
  private let hardwareVersion: String?
  private let toolsVersion: String?
  /// Other keys, without the word before their first dot, and what they are to be.
  private var others: [(key: String, value: String)] = []

  /// - Throws: kind `invalidArgument` for a value that is none.
  init(_ options: OptionObject) throws(BlockError) {
    var options = options
    adapter = try VmdkPlan.choice(options.takeString("adapter_type"))
    hardwareVersion = try options.takeString("hwversion")
    toolsVersion = try options.takeString("toolsversion")
    if let hardwareVersion { try VmdkPlan.requireValue(hardwareVersion, of: "hwversion") }
    if let toolsVersion { try VmdkPlan.requireValue(toolsVersion, of: "toolsversion") }
    for name in options.keys {
      guard let family = VmdkAmendment.options[name]?.family, let value = try options.takeString(name) else {
        continue
      }
      let key = String(name.dropFirst(family.count))
      try VmdkAmendment.requireFree(key, value)
      others.append((key, value))
    }
  }

  /// Refuses what has an option of its own, and what is no line of a descriptor.
  private static func requireFree(_ key: String, _ value: String) throws(BlockError) {
    let owners = [
      "adaptertype": "adapter_type", "virtualhwversion": "hwversion", "toolsversion": "toolsversion",
    ]
    if let owner = owners[key.lowercased()] {
      throw BlockError(.invalidArgument, "'ddb.\(key)' is what the option '\(owner)' changes")
    }
    let isName = { (byte: UInt8) in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard key.spelledCount <= longestKey, key.spelledBytes.allSatisfy(isName) else {
      throw BlockError(
        .invalidArgument,
        "'ddb.\(key)' is no key: it has letters, digits, dots and strokes, \(longestKey) at most")
    }
    try VmdkPlan.requireValue(value, of: "ddb.\(key)")
    let isNumber = value.spelledBytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard value.spelledBytes.allSatisfy({ $0 < 0x7F }), isNumber || !key.lowercased().hasPrefix("geometry.")
    else { throw BlockError(.invalidArgument, "invalid parameter value: ddb.\(key)=\(value)") }
  }

  /// Changes a text; the geometry follows from the adapter and the disk's sectors.
  func apply(to text: inout DescriptorText, sectors: UInt64) {
    if let hardwareVersion { text.setDataBase("virtualHWVersion", to: hardwareVersion) }
    if let toolsVersion { text.setDataBase("toolsVersion", to: toolsVersion) }
    for (key, value) in others {
      if value.isEmpty { text.remove("ddb.\(key)") } else { text.setDataBase(key, to: value) }
    }
    guard let adapter else { return }
    text.setDataBase("adapterType", to: adapter.storedName)
    let geometry = VmdkGeometry(sectors: sectors, adapter)
    text.setDataBase("geometry.cylinders", to: String(geometry.cylinders))
    text.setDataBase("geometry.heads", to: String(geometry.heads))
    text.setDataBase("geometry.sectors", to: String(geometry.track))
  }
}

extension DescriptorText {
  /// Lets a key of the data base have a value; its line comes to the end where there is none yet.
  mutating func setDataBase(_ key: String, to value: String) {
    set("ddb.\(key)", to: value, line: "ddb.\(key) = \"\(value)\"")
  }

  /// Lets the geometry be that of so many sectors, where there is one.
  mutating func setGeometry(sectors: UInt64) {
    guard let heads = value(of: "ddb.geometry.heads").flatMap({ UInt64($0) }), heads > 0,
      let track = value(of: "ddb.geometry.sectors").flatMap({ UInt64($0) }), track > 0,
      value(of: "ddb.geometry.cylinders") != nil
    else { return }
    let geometry = VmdkGeometry(sectors: sectors, heads: heads, track: track)
    setDataBase("geometry.cylinders", to: String(geometry.cylinders))
  }
}
