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
  ]

  private let adapter: VmdkPlan.Adapter?
  private let hardwareVersion: String?
  private let toolsVersion: String?

  /// - Throws: kind `invalidArgument` for a value that is none.
  init(_ options: OptionObject) throws(BlockError) {
    var options = options
    adapter = try VmdkPlan.choice(options.takeString("adapter_type"))
    hardwareVersion = try options.takeString("hwversion")
    toolsVersion = try options.takeString("toolsversion")
    if let hardwareVersion { try VmdkPlan.requireValue(hardwareVersion, of: "hwversion") }
    if let toolsVersion { try VmdkPlan.requireValue(toolsVersion, of: "toolsversion") }
  }

  /// Changes a text; the geometry follows from the adapter and the disk's sectors.
  func apply(to text: inout DescriptorText, sectors: UInt64) {
    if let hardwareVersion { text.setDataBase("virtualHWVersion", to: hardwareVersion) }
    if let toolsVersion { text.setDataBase("toolsVersion", to: toolsVersion) }
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
