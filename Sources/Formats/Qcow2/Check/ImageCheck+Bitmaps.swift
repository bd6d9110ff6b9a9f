// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Persistent bitmaps: their directory, tables and clusters.
extension ImageCheck {
  private static let largestCount: UInt32 = 65535
  private static let largestDirectory: UInt64 = 67_107_840
  private static let entrySize = 24
  /// Bytes of one bitmap's table, as the peer limits it.
  private static let largestTable: UInt64 = 0x8000_0000 / 8
  private static let reservedInTable: UInt64 = 0xff00_0000_0000_01fe

  /// Counts what bitmaps refer to; without the feature bit, all that is there counts as lost.
  ///
  /// - Throws: where the directory cannot be understood, unless it is going to be mended.
  func addBitmaps() throws(BlockError) {
    guard header.autoclear.contains(.bitmaps), let data = header.first(.bitmaps)?.data,
      let bitmaps = BitmapsExtension(parsing: data)
    else { return }
    do throws(BlockError) {
      let directory = try readDirectory(bitmaps)
      var position = 0
      // Tables do not overlap in an image that is whole, so together they are no larger than the file.
      var budget = fileLength.plus(64 << 20) ?? .max
      for index in 0..<Int(bitmaps.count) {
        try addBitmap(index, ImageCheck.bitmapEntry(directory.bytes, &position), &budget)
      }
    } catch {
      guard repair == .all, error.kind == .corrupt else { throw error }
      found(.brokenBitmapDirectory(reason: error.message), canMend: true)
      brokenBitmaps = nil
    }
  }

  /// Reads the directory and counts its clusters.
  private func readDirectory(_ bitmaps: BitmapsExtension) throws(BlockError) -> Buffer {
    guard bitmaps.count > 0, bitmaps.count <= ImageCheck.largestCount, bitmaps.directorySize > 0,
      bitmaps.directorySize <= ImageCheck.largestDirectory,
      UInt64(bitmaps.count) * UInt64(ImageCheck.entrySize) <= bitmaps.directorySize,
      geometry.offsetInCluster(bitmaps.directoryOffset) == 0
    else { throw BlockError(.corrupt, "bitmaps_ext: invalid bitmap directory") }
    try addReferences(at: bitmaps.directoryOffset, bytes: bitmaps.directorySize)
    guard bitmaps.directoryOffset < fileLength, bitmaps.directorySize <= fileLength - bitmaps.directoryOffset
    else {
      throw BlockError(.corrupt, "bitmaps_ext: bitmap directory lies past the end of the file")
    }
    return try file.read(at: bitmaps.directoryOffset, count: Int(bitmaps.directorySize))
  }

  /// One entry of the directory.
  struct BitmapEntry {
    /// Where it is in the directory.
    var range: Range<Int>
    var tableOffset: UInt64
    var tableBytes: UInt64
  }

  /// Takes the next entry of a directory.
  static func bitmapEntry(_ directory: RawSpan, _ position: inout Int) throws(BlockError) -> BitmapEntry {
    guard directory.byteCount - position >= ImageCheck.entrySize else {
      throw BlockError(.corrupt, "Broken bitmap directory")
    }
    let named = Int(directory.big16(at: position + 18)) + Int(directory.big32(at: position + 20))
    let size = (ImageCheck.entrySize + named + 7) / 8 * 8
    guard directory.byteCount - position >= size else {
      throw BlockError(.corrupt, "Broken bitmap directory")
    }
    defer { position += size }
    return BitmapEntry(
      range: position..<position + size, tableOffset: directory.big64(at: position),
      tableBytes: UInt64(directory.big32(at: position + 8)) * 8)
  }

  private func addBitmap(_ index: Int, _ entry: BitmapEntry, _ budget: inout UInt64) throws(BlockError) {
    let before = findings
    do throws(BlockError) {
      guard geometry.offsetInCluster(entry.tableOffset) == 0, entry.tableBytes <= ImageCheck.largestTable
      else { throw BlockError(.corrupt, "Bitmap table offset or size invalid") }
      guard entry.tableBytes <= budget else {
        throw BlockError(
          .corrupt, "the tables of bitmaps overlap: together they are larger than the file")
      }
      budget -= entry.tableBytes
      try addReferences(at: entry.tableOffset, bytes: entry.tableBytes, canMend: true)
      if findings == before { try addBitmapClusters(entry.tableOffset, entry.tableBytes) }
    } catch {
      guard repair == .all, error.kind == .corrupt else { throw error }
      found(.brokenBitmap(index: index, reason: error.message), canMend: true)
    }
    if findings != before { brokenBitmaps?.insert(index) }
  }

  private func addBitmapClusters(_ offset: UInt64, _ bytes: UInt64) throws(BlockError) {
    var done: UInt64 = 0
    while done < bytes {
      let count = Int(min(bytes - done, ImageCheck.readBytes))
      try context.checkInterrupted()
      let table = try file.read(at: offset + done, count: count)
      let entries = table.bytes
      for position in stride(from: 0, to: count, by: 8) {
        let entry = entries.big64(at: position)
        let cluster = entry & L1Entry.offsetMask
        guard entry & ImageCheck.reservedInTable == 0, cluster == 0 || entry & 1 == 0,
          geometry.offsetInCluster(cluster) == 0
        else { throw BlockError(.corrupt, "Bitmap table entry \(hex(entry)) invalid") }
        if cluster != 0 {
          try addReferences(at: cluster, bytes: geometry.clusterSize, canMend: true)
        }
      }
      done += UInt64(count)
    }
  }
}
