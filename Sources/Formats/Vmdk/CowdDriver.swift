// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// The header of an extent of the kind `VMFSSPARSE`: little-endian numbers of four bytes in the first 2048 bytes, places in
/// sectors (libyal's "VMware Virtual Disk Format", "COWD sparse extent").
struct CowdHeader {
  /// Bytes of the header.
  static let length = 2048
  /// `COWD`.
  static let magic = Array("COWD".utf8)
  /// Entries of a table.
  static let perTable: UInt64 = 4096
  /// The largest grain in sectors.
  static let largestGrain: UInt64 = 1 << 14

  /// Offsets of the fields that change while an extent is open.
  enum Place {
    static let nextFree = 28
    static let unclean = 1648
  }

  /// Sectors of the disk: offset 12.
  let capacity: UInt64
  /// Sectors of a grain: offset 16.
  let grain: UInt64
  /// The place of the directory: offset 20.
  let directory: UInt64
  /// Entries of the directory: offset 24.
  let entries: UInt64
  /// Whether the extent was not closed: offset 1648.
  let isUnclean: Bool

  /// Whether a file that starts with these bytes is such an extent.
  static func hasMagic(_ head: RawSpan) -> Bool { head.byteCount >= 4 && head.bytes(0..<4) == magic }

  /// Reads the fields from at least 2048 bytes.
  ///
  /// - Throws: kind `invalidArgument`, `unsupported` or `corrupt`.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard CowdHeader.hasMagic(bytes) else { throw BlockError(.invalidArgument, "Image not in COWD format") }
    let version = bytes.little32(at: 4)
    guard version == 1 else { throw BlockError(.unsupported, "Unsupported COWD version \(version)") }
    capacity = UInt64(bytes.little32(at: 12))
    grain = UInt64(bytes.little32(at: 16))
    directory = UInt64(bytes.little32(at: 20))
    entries = UInt64(bytes.little32(at: 24))
    isUnclean = bytes.little32(at: Place.unclean) != 0
    guard (1...CowdHeader.largestGrain).contains(grain) else {
      throw BlockError(.corrupt, "Invalid granularity, image may be corrupt")
    }
    guard entries >= capacity.dividedUp(by: CowdHeader.perTable * grain) else {
      throw BlockError(.corrupt, "the grain directory has \(entries) entries for \(capacity) sectors")
    }
  }

  /// The layout of tables and grains in a file of that many bytes.
  ///
  /// - Throws: kind `corrupt` where the directory is not in the file.
  func layout(fileLength: UInt64) throws(BlockError) -> BlockTableLayout {
    let place = directory * 512..<directory * 512 + entries * 4
    guard place.lowerBound >= UInt64(CowdHeader.length), place.upperBound <= fileLength else {
      throw BlockError(.corrupt, "the grain directory (sector \(directory)) lies where it cannot be")
    }
    let tables = capacity.dividedUp(by: CowdHeader.perTable * grain)
    var layout = BlockTableLayout(
      length: capacity * 512, blockSize: grain * 512, tableOffset: place.lowerBound,
      capacity: tables * CowdHeader.perTable, areaOffset: 0, unit: 512, unitLimit: 1 << 32, placesStay: true)
    layout.directory = BlockTableDirectory(perTable: CowdHeader.perTable, coding: GrainCoding())
    layout.reserved = [0..<UInt64(CowdHeader.length), place]
    return layout
  }
}

/// An open extent of the kind `VMFSSPARSE`, of which only a descriptor tells what lies below.
final class CowdDriver: MarkingDriver, VmdkDriver, @unchecked Sendable {
  let name = "vmdk"
  let table: BlockTable
  /// Stands while the header says that the extent was not closed.
  let mark = ChangeMark()

  init(_ header: CowdHeader, _ layout: BlockTableLayout) { table = BlockTable(layout, GrainCoding()) }

  var descriptor: OpenDescriptor? { nil }

  func requireHoles() throws(BlockError) {}

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    return information
  }

  /// Marks the extent as open.
  func beginChanges(_ node: Node) throws(BlockError) {
    let file = try node.child(in: .file)
    try mark.set { () throws(BlockError) in try store(1, at: CowdHeader.Place.unclean, file) }
  }

  private func store(_ value: UInt32, at offset: Int, _ file: Edge) throws(BlockError) {
    let field = Buffer(count: 4)
    var bytes = field.mutableBytes
    bytes.storeLittle(value, at: 0)
    try file.write(at: UInt64(offset), from: field.bytes)
    try file.flush()
  }

  /// The sector behind all that is in use.
  func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError) {
    guard let usedUnits, mark.stands else { return }
    try store(UInt32(clamping: usedUnits), at: CowdHeader.Place.nextFree, node.child(in: .file))
  }

  func takeMarkOff(_ node: Node) throws(BlockError) {
    try store(0, at: CowdHeader.Place.unclean, node.child(in: .file))
  }

  func makeEmpty(_ node: Node) throws(BlockError) {
    try beginChanges(node)
    try table.makeEmpty(node)
  }
}
