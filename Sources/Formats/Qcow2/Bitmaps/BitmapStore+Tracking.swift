// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Keeping enabled bitmaps up to date while the guest's data changes.
///
/// Before the first change the bitmaps are marked as in use in the file, which tells everybody after a crash that
/// they are not to be trusted. From then on their tables and bits in the file may be behind, or half written, but
/// never refer to space that is not theirs. When the image is closed they are written, then the mark goes.
extension BitmapStore {
  /// Marks all bitmaps as in use: the length of the disk is about to change.
  func noteResizing(_ held: borrowing Held) throws(BlockError) {
    try beginTracking(held) { _ in true }
  }

  /// Marks bitmaps as in use that are not, durably, so that they may fall behind.
  func beginTracking(_ held: borrowing Held, _ isMeant: (BitmapEntry) -> Bool) throws(BlockError) {
    guard var directory else { return }
    let file = try files.file(held)
    var added: [Int: BitmapEdit] = [:]
    for (index, entry) in directory.entries.enumerated() {
      guard !entry.flags.contains(.inUse), isMeant(entry) else { continue }
      added[index] = BitmapEdit(BitmapTable(entry, geometry, file), shape(of: entry))
      directory.entries[index].flags.insert(.inUse)
    }
    guard !added.isEmpty else { return }
    try writeFlags(directory, of: added.keys, held)
    try files.barrier(held)
    use(.present(directory))
    track(added)
  }

  /// Writes the directory in its place; only flags differ, so that a torn write does no harm.
  private func writeFlags(
    _ directory: BitmapDirectory, of indices: some Collection<Int>, _ held: borrowing Held
  )
    throws(BlockError)
  {
    guard let first = indices.min(), let last = indices.max() else { return }
    let buffer = BitmapDirectory.bytes(of: directory.entries)
    let start = Int(BitmapDirectory.size(of: Array(directory.entries[..<first])))
    let end = Int(BitmapDirectory.size(of: Array(directory.entries[...last])))
    let offset = directory.offset + UInt64(start)
    try guardian.check(offset, UInt64(end - start), for: .bitmapDirectory, held)
    try files.file(held).write(at: offset, from: buffer.bytes.slice(start..<end))
  }

  // MARK: Storing

  /// Writes the bitmaps that changed and takes their marks away. If that fails, they stay marked.
  func store(_ held: borrowing Held) throws(BlockError) {
    guard !edits.isEmpty, let directory else { return }
    let tracked = edits.keys.sorted()
    var update = BitmapUpdate(directory.entries)
    var staying: [Int] = []
    try undoingOnFailure(of: &update, held) { (update: inout BitmapUpdate) throws(BlockError) in
      for index in tracked {
        guard let edit = edits[index] else { continue }
        try takeInChanges(edit, index, held)
        update.entries[index].flags.remove(.inUse)
        if UInt64(edit.table.entry.tableSize) == edit.shape.tableSize {
          staying.append(index)
          update.formerBits += edit.replaced
        } else {
          try writeTable(edit, for: index, &update, held)
        }
      }
      try allocator.write(held)
      try files.barrier(held)
      try writeEntriesInPlace(staying, held)
      try files.barrier(held)
      // A directory with tables in other places has to come to be at once; marks may go one by one.
      if staying.count < tracked.count { try replaceDirectory(by: &update, held) }
    }
    if staying.count == tracked.count {
      let stored = BitmapDirectory(update.entries, at: directory.offset)
      try writeFlags(stored, of: tracked, held)
      use(.present(stored))
    }
    endTracking()
    try giveUp(update, held)
  }

  private func writeEntriesInPlace(_ indices: [Int], _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    let buffer = Buffer(count: BitmapTableEntry.size)
    var bytes = buffer.mutableBytes
    for index in indices {
      guard let edit = edits[index] else { continue }
      let start = edit.table.entry.tableOffset
      for number in edit.placed.keys.sorted() {
        guard let entry = edit.placed[number] else { continue }
        let offset = start + UInt64(number * BitmapTableEntry.size)
        bytes.storeBig(entry.rawValue, at: 0)
        try guardian.check(offset, UInt64(BitmapTableEntry.size), for: [], held)
        try file.write(at: offset, from: buffer.bytes)
      }
    }
  }

  /// Writes the bits of an edit that changed: where they are, with `inPlace` and where nobody else has the cluster,
  /// or else to free clusters, which the edit's table is then to name.
  func writeChunks(_ edit: BitmapEdit, inPlace: Bool, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    for index in edit.chunks.keys.sorted() {
      guard let chunk = edit.chunks[index], chunk.isChanged else { continue }
      let old = try edit.entry(at: index)
      var offset = old.offset
      let mayStay = offset != 0 && (inPlace || edit.placed[index] != nil)
      let stays = mayStay ? try mayOverwrite(offset, held) : false
      if !stays {
        offset = try allocator.take(1, for: "bitmap cluster", held).lowerBound << geometry.clusterBits
        mapping.forgetTable(at: offset, held)
        edit.placed[index] = BitmapTableEntry(rawValue: offset)
        if old.offset != 0 { edit.replaced.append(old.offset) }
      }
      let buffer = chunk.buffer
      try file.write(at: offset, from: buffer.bytes)
      files.require(offset + geometry.clusterSize)
      chunk.isChanged = false
    }
  }

  /// Whether a cluster that a bitmap's table names is the bitmap's alone, as far as one can tell.
  private func mayOverwrite(_ offset: UInt64, _ held: borrowing Held) throws(BlockError) -> Bool {
    guard offset <= Qcow2Limits.hostOffset - geometry.clusterSize,
      try allocator.count(of: offset >> geometry.clusterBits, held) == 1
    else { return false }
    try guardian.check(offset, geometry.clusterSize, for: [], held)
    return true
  }
}
