// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Keeping enabled bitmaps up to date while the guest's data changes. The monitor is held.
///
/// Before the first change the bitmaps are marked as in use in the file, which tells everybody after a crash that
/// they are not to be trusted. From then on their tables and bits in the file may be behind, or half written, but
/// never refer to space that is not theirs. When the image is closed they are written, then the mark goes.
extension Qcow2Driver {
  /// Notes that a range of the disk is about to change.
  func noteChange(at offset: UInt64, length: UInt64, _ node: Node) throws(BlockError) {
    guard let directory = bitmaps.directory, bitmaps.pauses == 0 else { return }
    if bitmaps.edits.isEmpty {
      guard directory.entries.contains(where: { $0.flags == .auto }) else { return }
      try beginTracking(node) { $0.flags.contains(.auto) }
    }
    guard let end = offset.plus(length) else { return }
    if let changes = bitmaps.changes, changes.length != self.length { try takeInChanges(node) }
    var position = offset
    while position < end {
      if bitmaps.changes?.isFull == true { try takeInChanges(node) }
      var changes =
        bitmaps.changes ?? ChangedParts(granularityBits: finestGranularity(directory), length: self.length)
      position = changes.note(position..<end)
      bitmaps.changes = changes
    }
  }

  private func finestGranularity(_ directory: BitmapDirectory) -> UInt64 {
    var finest = UInt64(BitmapShape.granularityBits.upperBound)
    for entry in directory.entries where entry.flags.contains(.auto) {
      finest = min(finest, UInt64(entry.granularityBits))
    }
    return finest
  }

  /// Lets all enabled bitmaps know what changed, one after the other.
  private func takeInChanges(_ node: Node) throws(BlockError) {
    for index in bitmaps.edits.keys.sorted() {
      guard let edit = bitmaps.edits[index] else { continue }
      try takeInChanges(edit, index, node)
    }
    bitmaps.changes = nil
  }

  /// Lets a bitmap know what changed, if it is enabled; its bits are in the file then, and not in memory.
  private func takeInChanges(_ edit: BitmapEdit, _ index: Int, _ node: Node) throws(BlockError) {
    if let changes = bitmaps.changes, bitmaps.directory?.entries[index].flags.contains(.auto) == true {
      try edit.resize(to: changes.length)
      try changes.forEach { (range: Range<UInt64>) throws(BlockError) in
        try edit.mark(range) { () throws(BlockError) in
          try writeChunks(edit, inPlace: true, node)
          edit.forget()
        }
      }
    }
    try edit.resize(to: length)
    try writeChunks(edit, inPlace: true, node)
    edit.forget()
  }

  /// Marks all bitmaps as in use: the length of the disk is about to change.
  func noteResizing(_ node: Node) throws(BlockError) {
    try beginTracking(node) { _ in true }
  }

  /// Marks bitmaps as in use that are not, durably, so that they may fall behind.
  private func beginTracking(_ node: Node, _ isMeant: (BitmapEntry) -> Bool) throws(BlockError) {
    guard var directory = bitmaps.directory else { return }
    let file = try file(of: node)
    var added: [Int: BitmapEdit] = [:]
    for (index, entry) in directory.entries.enumerated() {
      guard !entry.flags.contains(.inUse), isMeant(entry) else { continue }
      added[index] = BitmapEdit(BitmapTable(entry, geometry, file), shape(of: entry))
      directory.entries[index].flags.insert(.inUse)
    }
    guard !added.isEmpty else { return }
    try writeFlags(directory, of: added.keys, node)
    try barrier(node)
    bitmaps.state = .present(directory)
    bitmaps.edits.merge(added) { first, _ in first }
  }

  /// Writes the directory in its place; only flags differ, so that a torn write does no harm.
  private func writeFlags(_ directory: BitmapDirectory, of indices: some Collection<Int>, _ node: Node)
    throws(BlockError)
  {
    guard let first = indices.min(), let last = indices.max() else { return }
    let buffer = BitmapDirectory.bytes(of: directory.entries)
    let start = Int(BitmapDirectory.size(of: Array(directory.entries[..<first])))
    let end = Int(BitmapDirectory.size(of: Array(directory.entries[...last])))
    let offset = directory.offset + UInt64(start)
    try checkWrite(.bitmapDirectory, node)(offset, UInt64(end - start))
    try file(of: node).write(at: offset, from: buffer.bytes.slice(start..<end))
  }

  // MARK: Storing

  /// Writes the bitmaps that changed and takes their marks away. Where that fails, they stay marked.
  func storeBitmaps(_ node: Node) throws(BlockError) {
    guard !bitmaps.edits.isEmpty, let directory = bitmaps.directory else { return }
    let tracked = bitmaps.edits.keys.sorted()
    var update = BitmapUpdate(directory.entries)
    var staying: [Int] = []
    try undoingOnFailure(of: &update, node) { (update: inout BitmapUpdate) throws(BlockError) in
      for index in tracked {
        guard let edit = bitmaps.edits[index] else { continue }
        try takeInChanges(edit, index, node)
        update.entries[index].flags.remove(.inUse)
        if UInt64(edit.table.entry.tableSize) == edit.shape.tableSize {
          staying.append(index)
          update.formerBits += edit.replaced
        } else {
          try writeTable(edit, for: index, &update, node)
        }
      }
      try writeRefcounts(node)
      try barrier(node)
      try writeEntriesInPlace(staying, node)
      try barrier(node)
      // A directory with tables in other places has to come to be at once; marks may go one by one.
      if staying.count < tracked.count { try replaceDirectory(by: &update, node) }
    }
    if staying.count == tracked.count {
      let stored = BitmapDirectory(update.entries, at: directory.offset)
      try writeFlags(stored, of: tracked, node)
      bitmaps.state = .present(stored)
    }
    bitmaps.edits = [:]
    bitmaps.changes = nil
    try giveUp(update, node)
  }

  private func writeEntriesInPlace(_ indices: [Int], _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let buffer = Buffer(count: BitmapTableEntry.size)
    var bytes = buffer.mutableBytes
    for index in indices {
      guard let edit = bitmaps.edits[index] else { continue }
      let start = edit.table.entry.tableOffset
      for number in edit.placed.keys.sorted() {
        guard let entry = edit.placed[number] else { continue }
        let offset = start + UInt64(number * BitmapTableEntry.size)
        bytes.storeBig(entry.rawValue, at: 0)
        try checkWrite([], node)(offset, UInt64(BitmapTableEntry.size))
        try file.write(at: offset, from: buffer.bytes)
      }
    }
  }

  /// Writes the bits of an edit that changed: where they are, with `inPlace` and where nobody else has the cluster,
  /// or else to free clusters, which the edit's table is then to name.
  func writeChunks(_ edit: BitmapEdit, inPlace: Bool, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    for index in edit.chunks.keys.sorted() {
      guard let chunk = edit.chunks[index], chunk.isChanged else { continue }
      let old = try edit.entry(at: index)
      var offset = old.offset
      let mayStay = offset != 0 && (inPlace || edit.placed[index] != nil)
      let stays = mayStay ? try mayOverwrite(offset, node) : false
      if !stays {
        offset = try allocate(1, for: "bitmap cluster", node).lowerBound << geometry.clusterBits
        l2Cache.drop(from: offset, bytes: geometry.clusterSize)
        edit.placed[index] = BitmapTableEntry(rawValue: offset)
        if old.offset != 0 { edit.replaced.append(old.offset) }
      }
      let buffer = chunk.buffer
      try file.write(at: offset, from: buffer.bytes)
      requiredEnd = max(requiredEnd, offset + geometry.clusterSize)
      chunk.isChanged = false
    }
  }

  /// Whether a cluster that a bitmap's table names is the bitmap's alone, as far as one can tell.
  private func mayOverwrite(_ offset: UInt64, _ node: Node) throws(BlockError) -> Bool {
    guard offset <= Qcow2Limits.hostOffset - geometry.clusterSize,
      try refcount(of: offset >> geometry.clusterBits, node) == 1
    else { return false }
    try checkWrite([], node)(offset, geometry.clusterSize)
    return true
  }

  /// Gives a cluster back that no table names any more.
  func dropCluster(at offset: UInt64, _ node: Node) throws(BlockError) {
    let cluster = offset >> geometry.clusterBits
    try dropReferences(cluster..<cluster + 1, .other, node)
  }
}
