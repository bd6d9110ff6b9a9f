// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Changing between version 2 and 3; the file has all tables.
extension ImageAmendment {
  /// Makes a version 3 image of one of version 2, which differs in the header, and in snapshots.entries that may lack fields.
  func upgrade(_ held: borrowing Held) throws(BlockError) {
    var changed = header.current
    changed.version = 3
    changed.extensions.append(HeaderExtension(featureNames: FeatureName.all))
    guard snapshots.entries.contains(where: \.isIncomplete) else {
      return try header.replace(byShorter: changed, held)
    }
    let former = snapshots.presentPlace.clusters
    let table = try snapshots.place(snapshots.entries, held)
    changed.snapshotsOffset = table.clusters.lowerBound << geometry.clusterBits
    do throws(BlockError) {
      try allocator.write(held)
      try files.barrier(held)
      try header.replace(byShorter: changed, held)
    } catch {
      // The header may point to the new table: only writing it once more tells that it does not.
      if (try? header.replace(by: header.current, held)) != nil {
        try? allocator.free(table.clusters, .other, held)
      }
      throw error
    }
    snapshots.use(table.entries)
    try allocator.free(former, .other, held)
  }

  /// Makes a version 2 image of one of version 3: first the tables stop using what version 2 has not.
  func downgrade(_ held: borrowing Held, _ context: JobContext) throws(BlockError) {
    try expandZeroClusters(held, context)
    var changed = header.current
    changed.version = 2
    changed.incompatible = []
    changed.compatible = []
    changed.autoclear = []
    changed.compressionType = 0
    changed.unknownFields = []
    changed.extensions.removeAll { $0.kind == .featureNames || $0.kind == .bitmaps }
    try header.replace(byShorter: changed, held)
  }

  // MARK: Zero clusters

  /// Puts something that reads as zeros in the place of each zero cluster, in the tables of all snapshots.entries too: a
  /// cluster of zeros where a backing file would show through, else nothing.
  private func expandZeroClusters(_ held: borrowing Held, _ context: JobContext) throws(BlockError) {
    // Tables that several states share are changed once, and so are whole states.
    var done: Set<UInt64> = []
    var states: Set<State> = []
    context.expect(UInt64(mapping.l1.count))
    try expandTables(of: mapping.l1, &done, held, context)
    let file = try files.file(held)
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = file.length.plus(64 << 20) ?? .max
    for snapshot in snapshots.entries {
      try context.checkInterrupted()
      try snapshot.check(header.current)
      let bytes = UInt64(snapshot.l1Size) * UInt64(L1Entry.size)
      guard snapshot.l1Offset < file.length,
        states.insert(State(offset: snapshot.l1Offset, size: snapshot.l1Size)).inserted
      else { continue }
      guard budget >= bytes else {
        throw BlockError(
          .corrupt, "the L1 tables of the snapshots overlap: together they are larger than the file")
      }
      budget -= bytes
      let table = try TableInMemory(offset: snapshot.l1Offset, count: Int(snapshot.l1Size), from: file)
      context.expect(UInt64(table.count))
      try expandTables(of: table, &done, held, context)
    }
    try mapping.settle(held)
    try allocator.write(held)
    try files.barrier(held)
  }

  /// The L1 table of a snapshot.
  private struct State: Hashable {
    var offset: UInt64
    var size: UInt32
  }

  private func expandTables(
    of table: TableInMemory, _ done: inout Set<UInt64>, _ held: borrowing Held, _ context: JobContext
  ) throws(BlockError) {
    let most = try files.file(held).length.dividedUp(by: geometry.clusterSize)
    for index in 0..<table.count {
      let offset = L1Entry(rawValue: table[index]).offset
      if offset != 0 {
        try context.checkInterrupted()
        try expandTable(at: offset, l1Index: index, &done, held)
        guard UInt64(done.count) <= most else {
          throw BlockError(.corrupt, "L2 tables overlap: together they are larger than the file")
        }
      }
      context.advance(1)
    }
  }

  private func expandTable(at offset: UInt64, l1Index: Int, _ done: inout Set<UInt64>, _ held: borrowing Held)
    throws(BlockError)
  {
    guard geometry.offsetInCluster(offset) == 0 else {
      throw header.damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(l1Index))))", held)
    }
    guard done.insert(offset).inserted else { return }
    let references = try allocator.count(of: offset >> geometry.clusterBits, held)
    guard references > 0 else { return }
    var position: UInt64 = 0
    while position < geometry.clusterSize {
      for index in 0..<mapping.entriesPerSlice {
        // Looked up anew each time: changing an entry may have made room in the cache.
        let slice = try mapping.slice(at: offset + position, releasing: false, held)
        let buffer = slice.buffer
        let entry = L2Entry(rawValue: buffer.bytes.big64(at: index * geometry.l2EntryBytes))
        guard !entry.isCompressed, entry.hasZeroBit else { continue }
        try expand(entry, offset + position, index, references, held)
      }
      position += UInt64(mapping.l2Cache.sliceBytes)
    }
  }

  /// Replaces one entry of a table that so many L1 entries point to.
  private func expand(
    _ entry: L2Entry, _ slice: UInt64, _ index: Int, _ references: UInt64, _ held: borrowing Held
  ) throws(BlockError) {
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      throw header.damage("Cluster allocation offset 0x\(hex(entry.offset)) unaligned", held)
    }
    let host = entry.offset >> geometry.clusterBits
    var new = L2Entry.unallocated
    var isOld = false
    if header.current.backingName != nil {
      if entry.offset != 0 { isOld = try allocator.count(of: host, held) == references }
      let cluster = isOld ? host : try allocator.take(1, for: "data cluster", held).lowerBound
      try makeZero(cluster, held)
      if !isOld, references > 1 { try allocator.addReferences(references - 1, to: cluster, held) }
      new = L2Entry(rawValue: cluster << geometry.clusterBits | (references == 1 ? L2Entry.copiedBit : 0))
    }
    let target = try mapping.slice(at: slice, releasing: false, held)
    mapping.set(new, in: target, at: index, held)
    guard entry.offset != 0, !isOld else { return }
    allocator.freeLater(host..<host + 1, .other, count: references)
    try mapping.workOffFrees(held)
  }

  /// Fills a cluster with zeros; the file holds all of it then.
  private func makeZero(_ cluster: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    let offset = cluster << geometry.clusterBits
    let end = offset + geometry.clusterSize
    if offset < file.length { try files.clearCluster(at: offset, held) }
    if file.length < end { try file.truncate(to: end) }
  }
}
