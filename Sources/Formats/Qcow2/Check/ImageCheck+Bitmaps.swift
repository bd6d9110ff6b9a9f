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
  /// - Throws: where the directory cannot be understood.
  func addBitmaps() throws(BlockError) {
    guard header.autoclear.contains(.bitmaps), let data = header.first(.bitmaps)?.data,
      let bitmaps = BitmapsExtension(parsing: data)
    else { return }
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
    let directory = try file.read(at: bitmaps.directoryOffset, count: Int(bitmaps.directorySize))
    var position = 0
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = fileLength.plus(64 << 20) ?? .max
    for _ in 0..<bitmaps.count { try addBitmap(directory.bytes, &position, &budget) }
  }

  private func addBitmap(_ directory: RawSpan, _ position: inout Int, _ budget: inout UInt64)
    throws(BlockError)
  {
    guard directory.byteCount - position >= ImageCheck.entrySize else {
      throw BlockError(.corrupt, "Broken bitmap directory")
    }
    let offset = directory.big64(at: position)
    let bytes = UInt64(directory.big32(at: position + 8)) * 8
    let named = Int(directory.big16(at: position + 18)) + Int(directory.big32(at: position + 20))
    let size = (ImageCheck.entrySize + named + 7) / 8 * 8
    guard directory.byteCount - position >= size else {
      throw BlockError(.corrupt, "Broken bitmap directory")
    }
    position += size
    guard geometry.offsetInCluster(offset) == 0, bytes <= ImageCheck.largestTable else {
      throw BlockError(.corrupt, "Bitmap table offset or size invalid")
    }
    guard bytes <= budget else {
      throw BlockError(.corrupt, "the tables of bitmaps overlap: together they are larger than the file")
    }
    budget -= bytes
    let before = result.corruptions
    try addReferences(at: offset, bytes: bytes)
    guard result.corruptions == before else { return }
    try addBitmapClusters(offset, bytes)
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
        if cluster != 0 { try addReferences(at: cluster, bytes: geometry.clusterSize) }
      }
      done += UInt64(count)
    }
  }
}
