// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Persistent bitmaps: their directory, tables and clusters.
extension ImageCheck {
  /// Counts what bitmaps refer to; without the feature bit, all that is there counts as lost.
  ///
  /// - Throws: where the directory cannot be understood, unless it is going to be mended; always for what is valid and
  ///   not known here, which has to stay as it is.
  func addBitmaps() throws(BlockError) {
    guard header.autoclear.contains(.bitmaps), let data = header.first(.bitmaps)?.data else { return }
    do throws(BlockError) {
      let bitmaps = try BitmapsExtension(checking: data, geometry)
      try addReferences(at: bitmaps.directoryOffset, bytes: bitmaps.directorySize, canMend: true)
      let directory = try BitmapDirectory(bitmaps, from: file)
      // Tables do not overlap in an image that is whole, so together they are no larger than the file.
      var budget = fileLength.plus(64 << 20) ?? .max
      var names: Set<ArraySlice<UInt8>> = []
      for (index, entry) in directory.entries.enumerated() {
        try addBitmap(index, entry, &names, &budget)
      }
      bitmapDirectory = directory
    } catch {
      guard repair == .all, error.kind == .corrupt || error.kind == .tooLarge else { throw error }
      found(.brokenBitmapDirectory(reason: error.message), canMend: true)
      brokenBitmaps = nil
    }
  }

  private func addBitmap(
    _ index: Int, _ entry: BitmapEntry, _ names: inout Set<ArraySlice<UInt8>>, _ budget: inout UInt64
  ) throws(BlockError) {
    let before = findings
    do throws(BlockError) {
      let length = header.size / 512 * 512
      try entry.check(geometry, length: length)
      guard entry.fits(geometry, length: length) else { throw entry.unreadable }
      guard entry.tableBytes <= budget else {
        throw BlockError(.corrupt, "the tables of bitmaps overlap: together they are larger than the file")
      }
      budget -= entry.tableBytes
      try addReferences(at: entry.tableOffset, bytes: entry.tableBytes, canMend: true)
      if findings == before { try addClusters(of: entry) }
      guard findings != before || names.insert(entry.nameKey).inserted else {
        throw BlockError(.corrupt, "Bitmap already exists: \(entry.name)")
      }
    } catch {
      guard repair == .all, error.kind == .corrupt else { throw error }
      found(.brokenBitmap(index: index, reason: error.message), canMend: true)
    }
    if findings != before { brokenBitmaps?.insert(index) }
  }

  private func addClusters(of bitmap: BitmapEntry) throws(BlockError) {
    try forEachCluster(of: bitmap) { (offset: UInt64) throws(BlockError) in
      try addReferences(at: offset, bytes: geometry.clusterSize, canMend: true)
    }
  }

  private func forEachCluster(of bitmap: BitmapEntry, _ body: (UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    try BitmapTable(bitmap, geometry, file).forEach {
      (index: Int, entry: BitmapTableEntry) throws(BlockError) in
      if index % BitmapTable.windowEntries == 0 { try context.checkInterrupted() }
      if entry.offset != 0 { try body(entry.offset) }
    }
  }

  /// Finds bitmaps that lie where something else does, once everything is counted: bits are written in place, so that
  /// such a bitmap would destroy the other thing.
  func findSharedBitmaps() throws(BlockError) {
    guard repair == .all, let directory = bitmapDirectory, let known = brokenBitmaps else { return }
    guard !isShared(directory.offset, directory.size) else {
      found(.brokenBitmapDirectory(reason: "it overlaps other data"), canMend: true)
      brokenBitmaps = nil
      return
    }
    for (index, entry) in directory.entries.enumerated() where !known.contains(index) {
      var isShared = isShared(entry.tableOffset, entry.tableBytes)
      try forEachCluster(of: entry) { (offset: UInt64) throws(BlockError) in
        isShared = isShared || self.isShared(offset, geometry.clusterSize)
      }
      guard isShared else { continue }
      found(.brokenBitmap(index: index, reason: "it overlaps other data"), canMend: true)
      brokenBitmaps?.insert(index)
    }
  }

  /// Whether anything else refers to part of a range.
  func isShared(_ offset: UInt64, _ bytes: UInt64) -> Bool {
    guard bytes > 0 else { return false }
    for cluster in offset >> geometry.clusterBits...(offset + bytes - 1) >> geometry.clusterBits
    where references[cluster] > 1 {
      return true
    }
    return false
  }
}
