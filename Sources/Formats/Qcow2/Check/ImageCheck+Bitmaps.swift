// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Persistent bitmaps: their directory, tables and clusters.
extension ImageCheck {
  /// Counts what bitmaps refer to; without the feature bit, all that is there counts as lost.
  ///
  /// - Throws: where the directory cannot be understood, unless it is going to be mended.
  func addBitmaps() throws(BlockError) {
    guard header.autoclear.contains(.bitmaps), let data = header.first(.bitmaps)?.data else { return }
    do throws(BlockError) {
      let bitmaps = try BitmapsExtension(checking: data, geometry)
      try addReferences(at: bitmaps.directoryOffset, bytes: bitmaps.directorySize, canMend: true)
      let directory = try BitmapDirectory(bitmaps, from: file)
      // Tables do not overlap in an image that is whole, so together they are no larger than the file.
      var budget = fileLength.plus(64 << 20) ?? .max
      for (index, entry) in directory.entries.enumerated() { try addBitmap(index, entry, &budget) }
    } catch {
      guard repair == .all, error.kind == .corrupt || error.kind == .tooLarge else { throw error }
      found(.brokenBitmapDirectory(reason: error.message), canMend: true)
      brokenBitmaps = nil
    }
  }

  private func addBitmap(_ index: Int, _ entry: BitmapEntry, _ budget: inout UInt64) throws(BlockError) {
    let before = findings
    do throws(BlockError) {
      guard geometry.offsetInCluster(entry.tableOffset) == 0,
        UInt64(entry.tableSize) << geometry.clusterBits <= BitmapShape.largestBytes
      else {
        throw BlockError(.corrupt, "Bitmap table offset or size invalid")
      }
      guard entry.tableBytes <= budget else {
        throw BlockError(.corrupt, "the tables of bitmaps overlap: together they are larger than the file")
      }
      budget -= entry.tableBytes
      try addReferences(at: entry.tableOffset, bytes: entry.tableBytes, canMend: true)
      if findings == before { try addClusters(of: entry) }
    } catch {
      guard repair == .all, error.kind == .corrupt else { throw error }
      found(.brokenBitmap(index: index, reason: error.message), canMend: true)
    }
    if findings != before { brokenBitmaps?.insert(index) }
  }

  private func addClusters(of bitmap: BitmapEntry) throws(BlockError) {
    try BitmapTable(bitmap, geometry, file).forEach {
      (index: Int, entry: BitmapTableEntry) throws(BlockError) in
      if index % BitmapTable.windowEntries == 0 { try context.checkInterrupted() }
      if entry.offset != 0 {
        try addReferences(at: entry.offset, bytes: geometry.clusterSize, canMend: true)
      }
    }
  }
}
