// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Persistent bitmaps: their directory, tables and clusters.
final class BitmapCheck {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let references: FoundReferences
  /// Bitmaps that a repair has to take out of the directory, by number; nil where all have to go.
  private(set) var broken: Set<Int>? = []
  /// The directory of bitmaps, where it can be read.
  private var directory: BitmapDirectory?

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ references: FoundReferences
  ) {
    self.image = image
    self.findings = findings
    self.references = references
  }

  /// Counts what bitmaps refer to; without the feature bit, all that is there counts as lost.
  ///
  /// - Throws: where the directory cannot be understood, unless it is going to be mended; always for what is valid and
  ///   not known here, which has to stay as it is.
  func add() throws(BlockError) {
    guard image.header.autoclear.contains(.bitmaps), let data = image.header.first(.bitmaps)?.data else {
      return
    }
    do throws(BlockError) {
      let bitmaps = try BitmapsExtension(checking: data, image.geometry)
      try references.add(at: bitmaps.directoryOffset, bytes: bitmaps.directorySize, canMend: true)
      let directory = try BitmapDirectory(bitmaps, from: image.file)
      // Tables do not overlap in an image that is whole, so together they are no larger than the file.
      var budget = image.fileLength.plus(64 << 20) ?? .max
      var names: Set<ArraySlice<UInt8>> = []
      for (index, entry) in directory.entries.enumerated() {
        try add(index, entry, &names, &budget)
      }
      self.directory = directory
    } catch {
      guard image.repair == .all, error.kind == .corrupt || error.kind == .tooLarge else { throw error }
      findings.found(.brokenBitmapDirectory(reason: error.message), canMend: true)
      broken = nil
    }
  }

  private func add(
    _ index: Int, _ entry: BitmapEntry, _ names: inout Set<ArraySlice<UInt8>>, _ budget: inout UInt64
  ) throws(BlockError) {
    let before = findings.total
    do throws(BlockError) {
      let length = image.header.size / 512 * 512
      try entry.check(image.geometry, length: length)
      guard entry.fits(image.geometry, length: length) else { throw entry.unreadable }
      guard entry.tableBytes <= budget else {
        throw BlockError(
          .corrupt, "the tables of bitmaps overlap: together they are larger than the file")
      }
      budget -= entry.tableBytes
      try references.add(at: entry.tableOffset, bytes: entry.tableBytes, canMend: true)
      if findings.total == before { try addClusters(of: entry) }
      guard findings.total != before || names.insert(entry.nameKey).inserted else {
        throw BlockError(.corrupt, "Bitmap already exists: \(entry.name)")
      }
    } catch {
      guard image.repair == .all, error.kind == .corrupt else { throw error }
      findings.found(.brokenBitmap(index: index, reason: error.message), canMend: true)
    }
    if findings.total != before { broken?.insert(index) }
  }

  private func addClusters(of bitmap: BitmapEntry) throws(BlockError) {
    try forEachCluster(of: bitmap) { (offset: UInt64) throws(BlockError) in
      try references.add(at: offset, bytes: image.geometry.clusterSize, canMend: true)
    }
  }

  private func forEachCluster(of bitmap: BitmapEntry, _ body: (UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    try BitmapTable(bitmap, image.geometry, image.file).forEach {
      (index: Int, entry: BitmapTableEntry) throws(BlockError) in
      if index % BitmapTable.windowEntries == 0 { try image.context.checkInterrupted() }
      if entry.offset != 0 { try body(entry.offset) }
    }
  }

  /// Finds bitmaps that lie where something else does, once everything is counted: bits are written in place, so that
  /// such a bitmap would destroy the other thing.
  func findShared() throws(BlockError) {
    guard image.repair == .all, let directory, let known = broken else { return }
    guard !references.isShared(directory.offset, directory.size) else {
      findings.found(.brokenBitmapDirectory(reason: "it overlaps other data"), canMend: true)
      broken = nil
      return
    }
    for (index, entry) in directory.entries.enumerated() where !known.contains(index) {
      var isShared = references.isShared(entry.tableOffset, entry.tableBytes)
      try forEachCluster(of: entry) { (offset: UInt64) throws(BlockError) in
        isShared = isShared || references.isShared(offset, image.geometry.clusterSize)
      }
      guard isShared else { continue }
      findings.found(.brokenBitmap(index: index, reason: "it overlaps other data"), canMend: true)
      broken?.insert(index)
    }
  }
}
