// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Everything in an image that refers to host clusters, read from the file: what refcounts should add up to.
///
/// The tables in the file must be up to date. Tables are read in one pass, each once for each reference to it.
struct ReferenceWalk {
  /// What a reference comes from.
  enum Kind: Sendable, Equatable {
    case header, refcountTable, refcountBlock, l1Table, l2Table, data, compressed, snapshotTable
    case bitmaps, encryption
  }

  let header: Header
  let geometry: Geometry
  let file: Edge
  /// Called with the first byte and the number of bytes of each thing referred to.
  let visit: (UInt64, UInt64, Kind) -> Void
  private let table: Buffer

  /// A walk through the image with this header in `file`.
  init(_ header: Header, file: Edge, visit: @escaping (UInt64, UInt64, Kind) -> Void) {
    self.header = header
    self.file = file
    self.visit = visit
    geometry = header.geometry
    table = Buffer(count: Int(header.geometry.clusterSize))
  }

  /// Visits everything.
  func run(snapshots: [SnapshotEntry], refcountTable: TableInMemory) throws(BlockError) {
    visit(0, geometry.clusterSize, .header)
    visit(refcountTable.offset, refcountTable.byteCount, .refcountTable)
    for index in 0..<refcountTable.count {
      let block = RefcountTableEntry(rawValue: refcountTable[index]).offset
      if block != 0 { visit(block, geometry.clusterSize, .refcountBlock) }
    }
    try walkL1(at: header.l1Offset, count: header.l1Size)
    var tableBytes: UInt64 = 0
    for snapshot in snapshots {
      try snapshot.check(header)
      try walkL1(at: snapshot.l1Offset, count: snapshot.l1Size)
      tableBytes += UInt64(snapshot.size)
    }
    if tableBytes > 0 { visit(header.snapshotsOffset, tableBytes, .snapshotTable) }
    try walkExtensions()
  }

  /// Visits an L1 table and all below it.
  func walkL1(at offset: UInt64, count: UInt32) throws(BlockError) {
    guard count > 0 else { return }
    visit(offset, UInt64(count) * 8, .l1Table)
    let entries = try TableInMemory(offset: offset, count: Int(count), from: file)
    for index in 0..<entries.count {
      let entry = L1Entry(rawValue: entries[index])
      guard entry.offset != 0 else { continue }
      visit(entry.offset, geometry.clusterSize, .l2Table)
      try walkL2(at: entry.offset)
    }
  }

  private func walkL2(at offset: UInt64) throws(BlockError) {
    guard offset < file.length else { return }
    let buffer = table
    var target = buffer.mutableBytes
    try file.read(at: offset, into: &target)
    let bytes = buffer.bytes
    let size = geometry.l2EntryBytes
    let hasDataFile = header.incompatible.contains(.dataFile)
    for index in 0..<Int(geometry.l2Entries) {
      let entry = L2Entry(rawValue: bytes.big64(at: index * size))
      if entry.isCompressed {
        let descriptor = CompressedDescriptor(entry, geometry)
        visit(descriptor.offset, descriptor.size, .compressed)
      } else if entry.offset != 0, !hasDataFile {
        visit(entry.offset, geometry.clusterSize, .data)
      }
    }
  }

  // MARK: What extensions refer to

  private func walkExtensions() throws(BlockError) {
    if let pointer = header.first(.encryption), pointer.data.count >= 16 {
      let bytes = Buffer(pointer.data)
      visit(bytes.bytes.big64(at: 0), bytes.bytes.big64(at: 8), .encryption)
    }
    if let data = header.first(.bitmaps)?.data, let bitmaps = BitmapsExtension(parsing: data) {
      try walkBitmaps(bitmaps)
    }
  }

  /// Bytes of a directory entry in front of extra data and name.
  private static let bitmapEntrySize: UInt64 = 24
  /// As large as the peer lets a directory be.
  private static let bitmapDirectoryBytes: UInt64 = 65535 * (1024 + 1023 + 24)

  private func walkBitmaps(_ bitmaps: BitmapsExtension) throws(BlockError) {
    guard bitmaps.directorySize <= min(ReferenceWalk.bitmapDirectoryBytes, file.length) else {
      throw BlockError(.corrupt, "bitmap directory is too large (\(bitmaps.directorySize) bytes)")
    }
    visit(bitmaps.directoryOffset, bitmaps.directorySize, .bitmaps)
    let buffer = try file.read(at: bitmaps.directoryOffset, count: Int(bitmaps.directorySize))
    let bytes = buffer.bytes
    var position: UInt64 = 0
    for _ in 0..<bitmaps.count {
      guard position + ReferenceWalk.bitmapEntrySize <= bitmaps.directorySize else {
        throw BlockError(.corrupt, "bitmap directory is cut short")
      }
      let start = Int(position)
      try walkBitmapTable(at: bytes.big64(at: start), count: bytes.big32(at: start + 8))
      let rest = UInt64(bytes.big16(at: start + 18)) + UInt64(bytes.big32(at: start + 20))
      position += (ReferenceWalk.bitmapEntrySize + rest).roundedUp(to: 8) ?? .max
    }
  }

  private func walkBitmapTable(at offset: UInt64, count: UInt32) throws(BlockError) {
    let byteCount = UInt64(count) * 8
    guard byteCount <= file.length, offset <= UInt64(Int64.max) else {
      throw BlockError(.corrupt, "bitmap table is too large (\(count) entries)")
    }
    visit(offset, byteCount, .bitmaps)
    let entries = try TableInMemory(offset: offset, count: Int(count), from: file)
    for index in 0..<entries.count {
      let cluster = entries[index] & L1Entry.offsetMask
      if cluster != 0 { visit(cluster, geometry.clusterSize, .bitmaps) }
    }
  }
}
