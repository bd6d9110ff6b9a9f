// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The header of a QED image: little-endian numbers in the first 64 bytes, and the backing file's name.
struct QedHeader: StorableHeader {
  /// Bytes of the fields.
  static let length = 64
  /// `QED` and a zero byte.
  static let magic: UInt32 = 0x0044_4551
  /// Bytes of a cluster, a power of two.
  static let clusterSizes: ClosedRange<UInt64> = 4096...64 << 20
  /// Clusters of a table, a power of two.
  static let tableSizes: ClosedRange<UInt64> = 1...16
  /// Bytes of a backing file's name.
  static let longestName = 1023

  /// The feature bits that a reader must know.
  struct Features: OptionSet, Sendable {
    let rawValue: UInt64
    /// There is a backing file.
    static let backing = Features(rawValue: 1)
    /// The image was not closed: tables may contradict each other.
    static let needsCheck = Features(rawValue: 2)
    /// The backing file is raw, whatever it looks like.
    static let rawBacking = Features(rawValue: 4)
    static let known: Features = [.backing, .needsCheck, .rawBacking]
  }

  /// Bytes of a cluster: offset 4.
  var clusterSize: UInt64
  /// Clusters of a table: offset 8.
  var tableSize: UInt64
  /// Clusters of the header: offset 12.
  var headerSize: UInt64 = 1
  /// Offset 16.
  var features: Features = []
  /// Features that may be ignored: offset 24.
  var compatible: UInt64 = 0
  /// Features that a writer clears which does not know them: offset 32.
  var autoclear: UInt64 = 0
  /// The offset of the L1 table, in bytes: offset 40.
  var l1Offset: UInt64
  /// Guest-visible length in bytes: offset 48.
  var size: UInt64
  /// The offset of the backing file's name, in bytes: offset 56; its length follows.
  var nameOffset: UInt64 = 0
  var backingName: String?

  /// Bytes of a table.
  var tableBytes: UInt64 { tableSize * clusterSize }
  /// Entries of a table.
  var entries: UInt64 { tableBytes / 8 }
  /// Bytes at the start of the file that are the header's.
  var headerBytes: UInt64 { max(headerSize, 1) * clusterSize }
  /// The largest disk in bytes.
  var largestDisk: UInt64 {
    let blocks = entries * entries
    return min(blocks.times(clusterSize) ?? .max, UInt64(Int64.max) / clusterSize * clusterSize)
  }
}

extension QedHeader {
  /// Whether a file that starts with these bytes is such an image.
  static func hasMagic(_ head: RawSpan) -> Bool { head.byteCount >= 4 && head.little32(at: 0) == magic }

  /// Reads the fields from at least 64 bytes; bytes that the file lacks read as zeros.
  ///
  /// - Throws: kind `unsupported`, `invalidArgument` or `corrupt`, in `qemu-img`'s words.
  init(parsing bytes: RawSpan) throws(BlockError) {
    guard QedHeader.hasMagic(bytes) else { throw BlockError(.invalidArgument, "Image not in QED format") }
    features = Features(rawValue: bytes.little64(at: 16))
    let unknown = features.subtracting(.known).rawValue
    guard unknown == 0 else {
      throw BlockError(.unsupported, "Unsupported QED features: \(String(unknown, radix: 16))")
    }
    clusterSize = UInt64(bytes.little32(at: 4))
    tableSize = UInt64(bytes.little32(at: 8))
    headerSize = UInt64(bytes.little32(at: 12))
    compatible = bytes.little64(at: 24)
    autoclear = bytes.little64(at: 32)
    l1Offset = bytes.little64(at: 40)
    size = bytes.little64(at: 48)
    try QedHeader.require(
      QedHeader.clusterSizes.contains(clusterSize) && clusterSize.isPowerOfTwo, "cluster size")
    try QedHeader.require(
      QedHeader.tableSizes.contains(tableSize) && tableSize.isPowerOfTwo, "table size")
    try QedHeader.require(size <= largestDisk && size % 512 == 0, "image size")
    let isPossible = l1Offset % clusterSize == 0 && l1Offset >= headerBytes
    try QedHeader.require(
      isPossible && l1Offset.plus(tableBytes).flatMap { Int64(exactly: $0) } != nil, "table offset")
    guard features.contains(.backing) else { return }
    nameOffset = UInt64(bytes.little32(at: 56))
    let count = UInt64(bytes.little32(at: 60))
    try QedHeader.require(
      nameOffset + count <= headerBytes && count <= UInt64(QedHeader.longestName), "backing filename offset")
  }

  private static func require(_ condition: Bool, _ field: String) throws(BlockError) {
    if !condition { throw BlockError(.corrupt, "QED \(field) is invalid") }
  }

  /// Reads a header with the backing file's name.
  ///
  /// - Parameter read: gives bytes of the file, zeros past its end.
  init(_ read: (UInt64, Int) throws(BlockError) -> Buffer) throws(BlockError) {
    let head = try read(0, QedHeader.length)
    self = try QedHeader(parsing: head.bytes)
    let count = Int(head.bytes.little32(at: 60))
    guard features.contains(.backing), count > 0 else { return }
    backingName = String(spelling: try read(nameOffset, count).array)
  }

  /// Puts all fields into 64 bytes.
  func write(to bytes: inout MutableRawSpan) {
    bytes.storeLittle(QedHeader.magic, at: 0)
    bytes.storeLittle(UInt32(clamping: clusterSize), at: 4)
    bytes.storeLittle(UInt32(clamping: tableSize), at: 8)
    bytes.storeLittle(UInt32(clamping: headerSize), at: 12)
    bytes.storeLittle(features.rawValue, at: 16)
    bytes.storeLittle(compatible, at: 24)
    bytes.storeLittle(autoclear, at: 32)
    bytes.storeLittle(l1Offset, at: 40)
    bytes.storeLittle(size, at: 48)
    bytes.storeLittle(UInt32(clamping: nameOffset), at: 56)
    bytes.storeLittle(UInt32(backingName?.spelledCount ?? 0), at: 60)
  }

  /// Gives the header another backing file, or none, and writes the name beside the one that counts until the fields
  /// are written.
  mutating func setBacking(_ name: String?, format: String?, in file: Edge) throws(BlockError) {
    let old = nameOffset..<nameOffset + UInt64(backingName?.spelledCount ?? 0)
    backingName = name
    features.subtract([.backing, .rawBacking])
    guard let name, name.spelledCount > 0 else { return }
    features.insert(format == "raw" ? [.backing, .rawBacking] : .backing)
    let count = UInt64(name.spelledCount)
    let place = [UInt64(QedHeader.length), UInt64(QedHeader.length + QedHeader.longestName + 1)].first {
      !old.overlaps($0..<$0 + count)
    }
    guard let place, name.spelledCount <= QedHeader.longestName, place + count <= headerBytes else {
      throw BlockError(.tooLarge, "Backing file name too long")
    }
    nameOffset = place
    try file.write(at: place, from: Buffer(name.spelledBytes).bytes)
    try file.flush()
  }

  /// The backing file as the image names it. Of a format other than raw nothing is stored.
  var backing: ImageReference? {
    backingName.map {
      ImageReference(
        slot: .backing, role: .cow, name: $0, format: features.contains(.rawBacking) ? "raw" : nil)
    }
  }

  /// The layout of tables and clusters in a file of that many bytes.
  ///
  /// - Throws: kind `corrupt` where the L1 table is not in the file.
  func layout(fileLength: UInt64) throws(BlockError) -> BlockTableLayout {
    guard l1Offset + tableBytes <= fileLength else {
      throw BlockError(.corrupt, "QED table offset is invalid")
    }
    var layout = BlockTableLayout(
      length: size, blockSize: clusterSize, tableOffset: l1Offset, capacity: entries * entries, areaOffset: 0,
      unitLimit: UInt64(Int64.max) / clusterSize, placesStay: true)
    layout.directory = BlockTableDirectory(perTable: entries, coding: QedCoding(hasZeroes: false))
    layout.reserved = [0..<headerBytes, l1Offset..<l1Offset + tableBytes]
    return layout
  }
}

/// The values of L1 and L2 entries: offsets in the file, 0 for nothing, and in L2 tables 1 for zeros.
struct QedCoding: BlockEntryCoding {
  let width = 8
  let isBigEndian = false
  var hasZeroes = true

  func entry(of value: UInt64) -> BlockEntry? {
    switch value {
    case 0: .hole
    case 1 where hasZeroes: .zero
    default: .data(value)
    }
  }

  func value(of entry: BlockEntry) -> UInt64? {
    switch entry {
    case .hole: 0
    case .zero: hasZeroes ? 1 : nil
    case .data(let offset): offset
    case .partial, .compressed: nil
    }
  }
}
