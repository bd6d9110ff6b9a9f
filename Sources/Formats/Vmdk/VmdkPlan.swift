// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// The descriptor and the files of a new image.
struct VmdkPlan {
  /// How the disk is divided into files.
  enum Subformat: String, CaseIterable {
    case monolithicSparse, monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat, streamOptimized
    /// As monolithicFlat, in the words of a host's own file system.
    case vmfs

    /// How the files hold the disk.
    var extentKind: VmdkExtentLine.Kind {
      switch self {
      case .monolithicFlat, .twoGbMaxExtentFlat: .flat
      case .vmfs: .fileSystem
      case .monolithicSparse, .twoGbMaxExtentSparse, .streamOptimized: .sparse
      }
    }
    var isFlat: Bool { extentKind.isFlat }
  }

  /// The adapter that the disk hangs on.
  enum Adapter: String, CaseIterable {
    case ide, lsilogic, buslogic, legacyESX
    /// Known to virtual machines alone: descriptors name the adapter that such a disk also fits.
    case pvscsi

    /// The adapter's name in a descriptor.
    var storedName: String { self == .pvscsi ? Adapter.lsilogic.rawValue : rawValue }
  }

  /// Bytes of the disk that a file has where the disk is divided.
  static let partBytes: UInt64 = 1 << 31
  /// Tables of a stream: their places are in memory until it ends.
  static let mostStreamTables: UInt64 = 1 << 22
  /// Sectors of an embedded descriptor.
  static let descriptorSectors: UInt64 = 20

  /// The descriptor without a parent.
  let descriptor: VmdkDescriptor
  /// The parent's name, if there is one.
  let parentName: String?
  /// How the files' space is taken.
  let preallocation: Preallocation
  /// Bytes of the disk.
  private let size: UInt64
  private let subformat: Subformat
  private let adapter: Adapter
  private let hardwareVersion: String
  private let toolsVersion: String
  private let zeroedGrains: Bool

  /// - Parameter file: the image's name.
  /// - Throws: kind `tooLarge` for a disk that the format cannot have; the defect of the creation options.
  init(size: UInt64, _ options: OptionObject, file: String) throws(BlockError) {
    var options = options
    self.size = size
    subformat = try VmdkPlan.choice(options.takeString("subformat")) ?? .monolithicSparse
    adapter = try VmdkPlan.choice(options.takeString("adapter_type")) ?? .ide
    preallocation = try options.takePreallocation() ?? .off
    guard preallocation != .metadata else {
      throw BlockError.noPreallocation(.metadata)
    }
    let stated = try options.takeString("hwversion")
    let version = stated == "undefined" ? nil : stated
    let isSixth = try options.takeBool("compat6") ?? false
    guard !isSixth || version == nil else {
      throw BlockError(.invalidArgument, "compat6 cannot be enabled with hwversion set")
    }
    hardwareVersion = version ?? (isSixth ? "6" : "4")
    toolsVersion = try options.takeString("toolsversion") ?? "2147483647"
    try VmdkPlan.requireValue(hardwareVersion, of: "hwversion")
    try VmdkPlan.requireValue(toolsVersion, of: "toolsversion")
    zeroedGrains = try options.takeBool("zeroed_grain") ?? false
    parentName = try options.takeString("backing_file").flatMap { $0.isEmpty ? nil : $0 }
    if subformat.isFlat {
      guard parentName == nil else {
        throw BlockError(.invalidArgument, "Flat image can't have backing file")
      }
      guard !zeroedGrains else { throw BlockError(.invalidArgument, "Flat image can't enable zeroed grain") }
    }
    if subformat == .streamOptimized {
      // Zeroed grains would say no more than grains that are not there: nothing shows through.
      guard parentName == nil else {
        throw BlockError(.invalidArgument, "Images of subformat streamOptimized have no backing file")
      }
      guard preallocation == .off else {
        throw BlockError(.unsupported, "Compression and preallocation not supported at the same time")
      }
    }
    if let format = try options.takeString("backing_fmt"), parentName != nil, format != "vmdk" {
      throw BlockError(.invalidArgument, "backing_file must be a vmdk image")
    }
    if let parentName { try VmdkDescriptor.requireName(parentName) }
    descriptor = try VmdkPlan.describe(size: size, subformat, FilePaths.name(of: file))
    let fits =
      switch subformat {
      case .monolithicSparse: VmdkPlan.header(sectors: size / 512).overhead < 1 << 32
      case .streamOptimized: VmdkPlan.streamHeader(sectors: size / 512).tables <= VmdkPlan.mostStreamTables
      default: true
      }
    guard fits else {
      throw BlockError(.tooLarge, "The image size is too large for file format 'vmdk'")
    }
  }

  /// Refuses a value that cannot stand in a descriptor.
  static func requireValue(_ value: String, of key: String) throws(BlockError) {
    guard value.spelledBytes.allSatisfy({ $0 >= 0x20 && $0 != Ascii.quote }), value.spelledCount <= 64 else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(key)=\(value)")
    }
  }

  /// The choice that a word stands for.
  static func choice<Choice: RawRepresentable<String>>(_ text: String?) throws(BlockError) -> Choice? {
    guard let text else { return nil }
    guard let choice = Choice(rawValue: text) else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(text)")
    }
    return choice
  }

  private static func describe(size: UInt64, _ subformat: Subformat, _ name: String) throws(BlockError)
    -> VmdkDescriptor
  {
    guard name.spelledBytes.allSatisfy({ $0 >= 0x20 && $0 != Ascii.quote }) else {
      throw BlockError(
        .invalidArgument, "a descriptor cannot hold the name '\(name)': it has quotes or control characters")
    }
    var descriptor = VmdkDescriptor()
    descriptor.contentID = VmdkDescriptor.freshContentID()
    descriptor.createType = subformat.rawValue
    let kind = subformat.extentKind
    switch subformat {
    case .monolithicSparse, .streamOptimized:
      descriptor.extents = [VmdkExtentLine(sectors: size / 512, kind, name: name)]
    case .monolithicFlat, .vmfs:
      descriptor.extents = [VmdkExtentLine(sectors: size / 512, kind, name: partName(name, "flat"))]
    case .twoGbMaxExtentSparse, .twoGbMaxExtentFlat:
      let count = max(1, size.dividedUp(by: partBytes))
      guard count <= VmdkDescriptor.mostExtents else {
        throw BlockError(
          .tooLarge,
          "the disk would consist of \(count) files, of which an image has \(VmdkDescriptor.mostExtents)")
      }
      for index in 0..<count {
        let number = String(index + 1)
        let digits = String(repeating: "0", count: max(0, 3 - number.utf8.count)) + number
        let bytes = min(partBytes, size - index * partBytes)
        descriptor.extents.append(
          VmdkExtentLine(
            sectors: bytes / 512, kind, name: partName(name, (subformat.isFlat ? "f" : "s") + digits)))
      }
    }
    return descriptor
  }

  /// The name of a part's file: `disk-s001.vmdk`.
  private static func partName(_ name: String, _ part: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return "\(name)-\(part)" }
    return "\(name[..<dot])-\(part)\(name[dot...])"
  }

  /// The identifier of the content that a new image is made upon.
  static func contentID(of parent: ImageIdentity?) throws(BlockError) -> UInt32 {
    guard let parent, parent.format == "vmdk", parent.id.count == 4 else {
      throw BlockError(.invalidArgument, "backing_file must be a vmdk image")
    }
    return Buffer(parent.id).bytes.big32(at: 0)
  }

  /// Whether the disk stands in other files than the descriptor.
  var isSplit: Bool { subformat != .monolithicSparse && !isStream }
  /// Whether the disk is one file of compressed grains.
  var isStream: Bool { subformat == .streamOptimized }

  // MARK: Text

  /// The descriptor as it stands in its file.
  func text(of descriptor: VmdkDescriptor) -> String {
    let geometry = VmdkGeometry(sectors: size / 512, adapter)
    var lines = [
      "# Disk DescriptorFile", "version=1", "CID=\(VmdkDescriptor.digits(descriptor.contentID))",
      "parentCID=\(VmdkDescriptor.digits(descriptor.parentContentID))",
      "createType=\"\(descriptor.createType)\"",
    ]
    if let parent = descriptor.parentName { lines.append("parentFileNameHint=\"\(parent)\"") }
    lines += ["", "# Extent description"] + descriptor.extents.map(\.text)
    lines += [
      "", "# The Disk Data Base", "#DDB", "", "ddb.virtualHWVersion = \"\(hardwareVersion)\"",
      "ddb.geometry.cylinders = \"\(geometry.cylinders)\"", "ddb.geometry.heads = \"\(geometry.heads)\"",
      "ddb.geometry.sectors = \"\(geometry.track)\"", "ddb.adapterType = \"\(adapter.storedName)\"",
      "ddb.toolsVersion = \"\(toolsVersion)\"",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Extents with tables

  /// The header of an extent: the descriptor, two directories with all of their tables, and grains.
  private static func header(sectors: UInt64) -> SparseHeader {
    var header = SparseHeader(capacity: sectors)
    header.descriptorOffset = 1
    header.descriptorSize = descriptorSectors
    let tables = header.directorySectors + header.tables * header.tableSectors
    header.secondDirectory = 1 + descriptorSectors
    header.directory = header.secondDirectory + tables
    header.overhead = (header.directory + tables).dividedUp(by: header.grain) * header.grain
    return header
  }

  private static func requireRoom(for text: [UInt8], in header: SparseHeader) throws(BlockError) {
    guard UInt64(text.count + OpenDescriptor.spareBytes) <= header.descriptorSize * 512 else {
      throw BlockError(.tooLarge, "the descriptor is too long for its place")
    }
  }

  /// Writes the file of a part without data.
  func write(_ line: VmdkExtentLine, to file: Edge) throws(BlockError) {
    if line.kind.isFlat {
      try file.truncate(to: line.sectors * 512, exact: false, preallocation: preallocation)
    } else {
      try writeSparse(sectors: line.sectors, descriptor: nil, to: file)
    }
  }

  /// Writes an extent without data.
  ///
  /// - Parameter descriptor: the text of the image that the extent is; nil for a part of one.
  func writeSparse(sectors: UInt64, descriptor: String?, to file: Edge) throws(BlockError) {
    var header = VmdkPlan.header(sectors: sectors)
    if zeroedGrains {
      header.version = 2
      header.flags.insert(.zeroedGrains)
    }
    let text = (descriptor ?? "").spelledBytes
    try VmdkPlan.requireRoom(for: text, in: header)
    if descriptor == nil { (header.descriptorOffset, header.descriptorSize) = (0, 0) }
    let head = header.overhead * 512
    let grains = header.capacity.dividedUp(by: header.grain)
    let takesAll = preallocation == .falloc || preallocation == .full
    let length = takesAll ? head + grains * header.grainBytes : head
    try file.truncate(to: length, exact: false, preallocation: preallocation)
    // An old image's tables must not be taken for the new one's.
    try file.writeZeroes(at: 0, length: head, mayUnmap: true)
    let coding = GrainCoding()
    for directory in [header.secondDirectory, header.directory] {
      let first = directory + header.directorySectors
      try coding.writeTable(of: header.tables, at: directory * 512, to: file) {
        first + $0 * header.tableSectors
      }
      guard takesAll else { continue }
      try coding.writeTable(of: grains, at: first * 512, to: file) { header.overhead + $0 * header.grain }
    }
    if !text.isEmpty { try file.write(at: header.descriptorOffset * 512, from: Buffer(text).bytes) }
    let sector = Buffer(count: SparseHeader.length)
    var bytes = sector.mutableBytes
    header.write(to: &bytes)
    try file.write(at: 0, from: sector.bytes)
  }

  /// Writes an image of compressed grains without any: the header, the descriptor, and the end.
  func writeStream(descriptor: String, to file: Edge) throws(BlockError) {
    let header = VmdkPlan.streamHeader(sectors: size / 512)
    let text = descriptor.spelledBytes
    try VmdkPlan.requireRoom(for: text, in: header)
    var next = header.overhead
    try file.truncate(to: next * 512, exact: false)
    try file.writeZeroes(at: 0, length: next * 512, mayUnmap: true)
    try file.write(at: header.descriptorOffset * 512, from: Buffer(text).bytes)
    try StreamDriver.writeEnd(
      of: header, Array(repeating: 0, count: Int(header.tables)), at: &next, to: file)
    let sector = Buffer(count: SparseHeader.length)
    var bytes = sector.mutableBytes
    header.write(to: &bytes)
    try file.write(at: 0, from: sector.bytes)
  }

  /// The header of an image of compressed grains: the footer tells where the directory is.
  private static func streamHeader(sectors: UInt64) -> SparseHeader {
    var header = SparseHeader(capacity: sectors)
    header.version = 3
    header.flags = [.newlines, .compressed, .markers]
    header.descriptorOffset = 1
    header.descriptorSize = descriptorSectors
    header.directory = SparseHeader.atEnd
    header.overhead = header.grain
    header.algorithm = 1
    return header
  }

  /// Bytes that the files take.
  var measure: ImageMeasure {
    guard !isStream else {
      // Of data that cannot be compressed, each grain has a marker and a little more than its bytes.
      let header = VmdkPlan.streamHeader(sectors: size / 512)
      let empty = (header.overhead + 1 + header.directorySectors + 3) * 512
      let grains = header.capacity.dividedUp(by: header.grain)
      let tables = header.tables * (header.tableSectors + 1) * 512
      return ImageMeasure(
        empty: empty, full: empty + tables + grains * (header.grainBytes + 512), unit: header.grainBytes,
        unitBytes: header.grainBytes + 512)
    }
    let text = UInt64(text(of: descriptor).spelledCount)
    guard !subformat.isFlat else {
      return ImageMeasure(empty: text + size, full: text + size, fullyAllocated: preallocation != .off)
    }
    var (empty, full, grain) = (isSplit ? text : 0, UInt64(0), UInt64(0))
    for line in descriptor.extents {
      let header = VmdkPlan.header(sectors: line.sectors)
      empty += header.overhead * 512
      full += header.capacity.dividedUp(by: header.grain) * header.grainBytes
      grain = header.grainBytes
    }
    full += empty
    return preallocation == .off
      ? ImageMeasure(empty: empty, full: full, unit: grain)
      : ImageMeasure(empty: full, full: full, fullyAllocated: true)
  }
}
