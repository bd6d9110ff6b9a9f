// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Bitmaps that are to replace those in the file, and what has to happen to space around that.
///
/// Bits, tables and directory that are new go to free clusters; one write to the header lets all of it count; then the
/// space of the old ones is given back.
struct BitmapUpdate {
  var entries: [BitmapEntry]
  /// Clusters taken for what is new: given back where the update comes to nothing.
  private(set) var taken: [Range<UInt64>] = []
  /// Whether the header may point to the new directory already.
  var isDone = false
  /// The directory that the new one replaces; nil where there was none.
  var formerDirectory: BitmapDirectory?
  /// Entries whose tables nothing names any more.
  var formerTables: [BitmapEntry] = []
  /// Whether what those tables name goes with them.
  var losesBits = false
  /// Single clusters of bits that nothing names any more.
  var formerBits: [UInt64] = []

  init(_ entries: [BitmapEntry]) { self.entries = entries }

  mutating func noteTaken(_ clusters: Range<UInt64>) { taken.append(clusters) }
  mutating func noteTaken(_ cluster: UInt64) { taken.append(cluster..<cluster + 1) }
}

/// Steps of an update.
extension BitmapStore {
  /// Runs the steps of an update; where one fails that nothing in the file depends on yet, its space is given back.
  func undoingOnFailure(
    of update: inout BitmapUpdate, _ held: borrowing Held,
    _ steps: (inout BitmapUpdate) throws(BlockError) -> Void
  ) throws(BlockError) {
    do throws(BlockError) {
      try steps(&update)
    } catch {
      if update.isDone {
        // It is not known which of the two directories the header in the file names.
        use(.unreadable)
      } else {
        // The first error is the one that the user needs to see; clusters that cannot be given back are lost space at
        // worst.
        for clusters in update.taken { try? allocator.free(clusters, .other, held) }
      }
      throw error
    }
  }

  /// Writes the table of an edit to free clusters, as long as the disk needs it.
  func writeTable(_ edit: BitmapEdit, for index: Int, _ update: inout BitmapUpdate, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try files.file(held)
    let size = Int(max(edit.shape.tableSize, 1))
    let place = try takeSpace(UInt64(size * BitmapTableEntry.size), for: "bitmap table", &update, held)
    var first = 0
    while first < size {
      let count = min(size - first, BitmapTable.windowEntries)
      var entries = [BitmapTableEntry](repeating: .zeros, count: count)
      if !edit.startsEmpty { entries = try edit.table.entries(from: first, count: count) }
      let buffer = Buffer(count: count * BitmapTableEntry.size)
      var bytes = buffer.mutableBytes
      for (step, entry) in entries.enumerated() {
        bytes.storeBig((edit.placed[first + step] ?? entry).rawValue, at: step * BitmapTableEntry.size)
      }
      try file.write(at: place + UInt64(first * BitmapTableEntry.size), from: buffer.bytes)
      first += count
    }
    let former = edit.table.entry
    if former.tableSize > 0 { update.formerTables.append(former) }
    if !edit.startsEmpty, Int(former.tableSize) > size {
      try edit.table.forEach { (number: Int, entry: BitmapTableEntry) throws(BlockError) in
        if number >= size, entry.offset != 0 { update.formerBits.append(entry.offset) }
      }
    }
    update.formerBits += edit.replaced
    update.entries[index].tableOffset = place
    update.entries[index].tableSize = UInt32(size)
  }

  /// Writes the new directory and lets the header point to it.
  ///
  /// Refcounts of everything that is new have been written.
  func replaceDirectory(by update: inout BitmapUpdate, _ held: borrowing Held) throws(BlockError) {
    update.formerDirectory = directory
    guard !update.entries.isEmpty else {
      update.isDone = true
      try header.removeBitmapsExtension(held)
      use(.none)
      return
    }
    let buffer = BitmapDirectory.bytes(of: update.entries)
    let place = try takeSpace(UInt64(buffer.count), for: "bitmap directory", &update, held)
    try files.file(held).write(at: place, from: buffer.bytes)
    try allocator.write(held)
    try files.barrier(held)
    update.isDone = true
    try header.writeBitmapsExtension(BitmapsExtension(update.entries, at: place), held)
    use(.present(BitmapDirectory(update.entries, at: place)))
    guardian.note(from: place, bytes: UInt64(buffer.count))
  }

  private func takeSpace(
    _ bytes: UInt64, for what: StaticString, _ update: inout BitmapUpdate, _ held: borrowing Held
  ) throws(BlockError) -> UInt64 {
    let clusters = try allocator.take(geometry.clusters(covering: bytes), exactly: true, for: what, held)
    update.noteTaken(clusters)
    let offset = clusters.lowerBound << geometry.clusterBits
    mapping.forgetTables(in: clusters, held)
    files.require(clusters.upperBound << geometry.clusterBits)
    return offset
  }

  /// Gives back what an update replaced; the update is durable.
  func giveUp(_ update: BitmapUpdate, _ held: borrowing Held) throws(BlockError) {
    for offset in update.formerBits { try dropBits(at: offset, held) }
    for entry in update.formerTables {
      if update.losesBits {
        let table = BitmapTable(entry, geometry, try files.file(held))
        // A table that cannot be read names nothing that could be given back.
        try? table.forEach { (_: Int, entry: BitmapTableEntry) throws(BlockError) in
          if entry.offset != 0 { try dropBits(at: entry.offset, held) }
        }
      }
      try dropSpace(at: entry.tableOffset, bytes: entry.tableBytes, held)
    }
    if let directory = update.formerDirectory {
      try dropSpace(at: directory.offset, bytes: directory.size, held)
    }
  }

  private func dropBits(at offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    try dropSpace(at: offset, bytes: geometry.clusterSize, held)
  }

  private func dropSpace(at offset: UInt64, bytes: UInt64, _ held: borrowing Held) throws(BlockError) {
    let first = offset >> geometry.clusterBits
    try allocator.free(first..<first + geometry.clusters(covering: bytes), .other, held)
  }
}
