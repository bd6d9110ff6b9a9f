// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Changing between version 2 and 3. The monitor is held, and the file has all tables.
extension Qcow2Driver {
  /// Makes a version 3 image of one of version 2, which differs in the header, and in snapshots that may lack fields.
  func upgrade(_ node: Node) throws(BlockError) {
    var changed = header
    changed.version = 3
    changed.extensions.append(HeaderExtension(featureNames: FeatureName.all))
    guard snapshots.contains(where: \.isIncomplete) else {
      return try replaceHeader(byShorter: changed, node)
    }
    let former = presentSnapshotTable.clusters
    let table = try placeSnapshotTable(snapshots, node)
    changed.snapshotsOffset = table.clusters.lowerBound << geometry.clusterBits
    do throws(BlockError) {
      try writeRefcounts(node)
      try barrier(node)
      try replaceHeader(byShorter: changed, node)
    } catch {
      // The header may point to the new table: only writing it once more tells that it does not.
      if (try? replaceHeader(by: header, node)) != nil { try? dropReferences(table.clusters, .other, node) }
      throw error
    }
    snapshots = table.entries
    try dropReferences(former, .other, node)
  }

  /// Makes a version 2 image of one of version 3: first the tables stop using what version 2 has not.
  func downgrade(_ node: Node, _ context: JobContext) throws(BlockError) {
    try expandZeroClusters(node, context)
    var changed = header
    changed.version = 2
    changed.incompatible = []
    changed.compatible = []
    changed.autoclear = []
    changed.compressionType = 0
    changed.unknownFields = []
    changed.extensions.removeAll { $0.kind == .featureNames || $0.kind == .bitmaps }
    try replaceHeader(byShorter: changed, node)
  }

  // MARK: Zero clusters

  /// Puts something that reads as zeros in the place of each zero cluster, in the tables of all snapshots too: a
  /// cluster of zeros where a backing file would show through, else nothing.
  private func expandZeroClusters(_ node: Node, _ context: JobContext) throws(BlockError) {
    // Tables that several states share are changed once, and so are whole states.
    var done: Set<UInt64> = []
    var states: Set<State> = []
    context.expect(UInt64(l1.count))
    try expandTables(of: l1, &done, node, context)
    let file = try file(of: node)
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = file.length.plus(64 << 20) ?? .max
    for snapshot in snapshots {
      try context.checkInterrupted()
      try snapshot.check(header)
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
      try expandTables(of: table, &done, node, context)
    }
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    try writeRefcounts(node)
    try barrier(node)
  }

  /// The L1 table of a snapshot.
  private struct State: Hashable {
    var offset: UInt64
    var size: UInt32
  }

  private func expandTables(
    of table: TableInMemory, _ done: inout Set<UInt64>, _ node: Node, _ context: JobContext
  ) throws(BlockError) {
    let most = try file(of: node).length.dividedUp(by: geometry.clusterSize)
    for index in 0..<table.count {
      let offset = L1Entry(rawValue: table[index]).offset
      if offset != 0 {
        try context.checkInterrupted()
        try expandTable(at: offset, l1Index: index, &done, node)
        guard UInt64(done.count) <= most else {
          throw BlockError(.corrupt, "L2 tables overlap: together they are larger than the file")
        }
      }
      context.advance(1)
    }
  }

  private func expandTable(at offset: UInt64, l1Index: Int, _ done: inout Set<UInt64>, _ node: Node)
    throws(BlockError)
  {
    guard geometry.offsetInCluster(offset) == 0 else {
      throw damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(l1Index))))", node)
    }
    guard done.insert(offset).inserted else { return }
    let references = try refcount(of: offset >> geometry.clusterBits, node)
    guard references > 0 else { return }
    var position: UInt64 = 0
    while position < geometry.clusterSize {
      for index in 0..<entriesPerSlice {
        // Looked up anew each time: changing an entry may have made room in the cache.
        let slice = try l2Slice(at: offset + position, releasing: false, node)
        let buffer = slice.buffer
        let entry = L2Entry(rawValue: buffer.bytes.big64(at: index * geometry.l2EntryBytes))
        guard !entry.isCompressed, entry.hasZeroBit else { continue }
        try expand(entry, offset + position, index, references, node)
      }
      position += UInt64(l2Cache.sliceBytes)
    }
  }

  /// Replaces one entry of a table that so many L1 entries point to.
  private func expand(
    _ entry: L2Entry, _ slice: UInt64, _ index: Int, _ references: UInt64, _ node: Node
  ) throws(BlockError) {
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      throw damage("Cluster allocation offset 0x\(hex(entry.offset)) unaligned", node)
    }
    let host = entry.offset >> geometry.clusterBits
    var new = L2Entry.unallocated
    var isOld = false
    if header.backingName != nil {
      if entry.offset != 0 { isOld = try refcount(of: host, node) == references }
      let cluster = isOld ? host : try allocate(1, for: "data cluster", node).lowerBound
      try makeZero(cluster, node)
      if !isOld, references > 1 { try addReferences(references - 1, to: cluster, node) }
      new = L2Entry(rawValue: cluster << geometry.clusterBits | (references == 1 ? L2Entry.copiedBit : 0))
    }
    let target = try l2Slice(at: slice, releasing: false, node)
    let buffer = target.buffer
    var bytes = buffer.mutableBytes
    let place = index * geometry.l2EntryBytes
    bytes.storeBig(new.rawValue, at: place)
    l2Cache.markDirty(target, place..<place + 8)
    guard entry.offset != 0, !isOld else { return }
    pendingFrees.add(host..<host + 1, .other, count: references)
    try workOffFrees(node)
  }

  /// Fills a cluster with zeros; the file holds all of it then.
  private func makeZero(_ cluster: UInt64, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let offset = cluster << geometry.clusterBits
    let end = offset + geometry.clusterSize
    if offset < file.length { try clearCluster(at: offset, node) }
    if file.length < end { try file.truncate(to: end) }
  }
}
