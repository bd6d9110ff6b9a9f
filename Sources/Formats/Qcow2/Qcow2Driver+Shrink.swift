// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Making the guest's disk shorter.
///
/// What is cut off goes all at once: a copy of the tables without it is made first, then one write to the header
/// sets the length together with the L1 table, and only then is space given back. The monitor is held.
extension Qcow2Driver {
  func shrink(to newLength: UInt64, _ node: Node) throws(BlockError) {
    waitForWrites(newLength..<length)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    do throws(BlockError) {
      let copied = try replaceTables(for: newLength, copying: nil, node)
      // The new tables went behind everything; there may be room further down now, so that the file can be cut.
      if refcounts.cursor < l1.offset >> geometry.clusterBits {
        try replaceTables(for: newLength, copying: copied, node)
      }
    } catch {
      guard error.isOutOfSpace, !isBroken else { throw error }
      // Tables that only did not come to lie further down are as good where they are.
      if length != newLength { try shortenTables(for: newLength, node) }
    }
    try giveBackIdleBlocks(node)
    if hasDataFile { try dataFile(of: node).truncate(to: newLength) } else { try cutFile(node) }
  }

  /// Exchanges the tables for shorter ones at another place and gives up what those lack.
  ///
  /// - Parameter index: the L1 entry whose L2 table gets another place in any case.
  /// - Returns: the L1 entry whose L2 table got another place.
  @discardableResult
  private func replaceTables(for newLength: UInt64, copying index: Int?, _ node: Node) throws(BlockError)
    -> Int?
  {
    let old = l1
    let fileLength = try file(of: node).length
    var tables = ShorterTables(l1: old)
    do throws(BlockError) {
      try makeShorterTables(&tables, for: newLength, copying: index, node)
      try writeRefcounts(node)
      try barrier(node)
      var changed = header
      changed.size = newLength
      changed.use(tables.l1)
      try switchHeader(to: changed, node)
    } catch {
      if !isBroken { try? takeBack(tables.clusters, keeping: fileLength, node) }
      throw error
    }
    // Readers see the end before what lies behind it goes.
    length = newLength
    l1 = tables.l1
    for index in (tables.copied ?? l1.count)..<old.count {
      l2Cache.drop(from: L1Entry(rawValue: old[index]).offset, bytes: geometry.clusterSize)
    }
    try barrier(node)
    try giveUp(old, from: newLength, node)
    return tables.copied
  }

  private func takeBack(_ clusters: [Range<UInt64>], keeping length: UInt64, _ node: Node) throws(BlockError)
  {
    for run in clusters { try dropReferences(run, .other, node) }
    try cutFile(keeping: length, node)
  }

  /// Makes the tables shorter where they are: there is no room for others.
  ///
  /// One write to the header still decides. Should the program stop behind it, space behind the new end is left in use,
  /// which growing gives up before anybody sees it.
  private func shortenTables(for newLength: UInt64, _ node: Node) throws(BlockError) {
    let old = l1
    let count = max(Int(geometry.l1Entries(forLength: newLength)), 1)
    var changed = header
    changed.size = newLength
    changed.l1Size = UInt32(min(count, old.count))
    try switchHeader(to: changed, node)
    length = newLength
    l1 = old.prefix(min(count, old.count))
    for index in l1.count..<old.count {
      l2Cache.drop(from: L1Entry(rawValue: old[index]).offset, bytes: geometry.clusterSize)
    }
    try barrier(node)
    try giveUp(old, from: newLength, node)
    let tail = newLength.roundedUp(to: geometry.clusterSize) ?? newLength
    do throws(BlockError) {
      try giveUp(from: tail, to: UInt64(l1.count) << geometry.l2SpanBits, .cut, node)
    } catch {
      // A table that is shared with a snapshot has to be copied for that. What it has behind the end, the snapshot has.
      guard error.isOutOfSpace, !isBroken else { throw error }
    }
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
  }

  private struct ShorterTables {
    var l1: TableInMemory
    /// The L1 entry whose L2 table is a copy.
    var copied: Int?
    /// What was taken for both.
    var clusters: [Range<UInt64>] = []
  }

  /// Puts an L1 table for a shorter disk into the file and, where the last L2 table holds entries that are to go, a
  /// copy of it without them.
  private func makeShorterTables(
    _ tables: inout ShorterTables, for newLength: UInt64, copying index: Int?, _ node: Node
  ) throws(BlockError) {
    let file = try file(of: node)
    // A disk of no length keeps an entry too: a table without any would have a cluster that nothing refers to.
    let count = max(Int(geometry.l1Entries(forLength: newLength)), 1)
    let kept = geometry.clusters(covering: newLength) & (geometry.l2Entries - 1)
    let last = count - 1
    let boundary = kept == 0 ? 0 : try tableOffset(l1, last, node)
    var changed: L1Entry?
    if boundary != 0,
      let copy = try copyTable(at: boundary, keeping: Int(kept), always: index == last, &tables, node)
    {
      changed = L1Entry(table: copy)
    }
    let bytes = max(UInt64(count) * 8, 8)
    let clusters = try allocate(geometry.clusters(covering: bytes), exactly: true, for: "L1 table", node)
    tables.clusters.append(clusters)
    var table = l1.moved(to: clusters.lowerBound << geometry.clusterBits, count: count)
    if let changed { table[last] = changed.rawValue }
    if newLength == 0 { table[0] = 0 }
    try table.write(to: file)
    requiredEnd = max(requiredEnd, table.offset + table.byteCount)
    for cluster in clusters { metadataMap?.insert(cluster) }
    tables.l1 = table
    tables.copied = changed == nil ? nil : last
  }

  /// Where the L2 table of an L1 entry starts; 0 where there is none.
  private func tableOffset(_ table: TableInMemory, _ index: Int, _ node: Node) throws(BlockError) -> UInt64 {
    let offset = L1Entry(rawValue: table[index]).offset
    guard geometry.offsetInCluster(offset) == 0 else {
      throw damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", node)
    }
    return offset
  }

  /// Copies the first entries of an L2 table to a new cluster; nil where all others are empty anyway, unless `always`.
  private func copyTable(
    at offset: UInt64, keeping kept: Int, always: Bool, _ tables: inout ShorterTables, _ node: Node
  ) throws(BlockError) -> UInt64? {
    let file = try file(of: node)
    let buffer = try file.read(at: offset, count: Int(geometry.clusterSize))
    var bytes = buffer.mutableBytes
    var rest = bytes.slice(kept * geometry.l2EntryBytes..<buffer.count)
    guard always || !rest.bytes.isZero else { return nil }
    rest.fill()
    let cluster = try allocate(1, for: "L2 table", node).lowerBound
    tables.clusters.append(cluster..<cluster + 1)
    let target = cluster << geometry.clusterBits
    l2Cache.drop(from: target, bytes: geometry.clusterSize)
    metadataMap?.insert(cluster)
    try file.write(at: target, from: buffer.bytes)
    requiredEnd = max(requiredEnd, target + geometry.clusterSize)
    return target
  }

  /// Takes the references away that an L1 table no longer in use had and the present one has not.
  private func giveUp(_ old: TableInMemory, from newLength: UInt64, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let clusters = geometry.clusters(covering: newLength)
    for index in 0..<old.count {
      let offset = try tableOffset(old, index, node)
      guard offset != 0, L1Entry(rawValue: index < l1.count ? l1[index] : 0).offset != offset else {
        continue
      }
      let start = UInt64(index) << geometry.l2Bits
      let kept = clusters > start ? Int(clamping: clusters - start) : 0
      let buffer = try file.read(at: offset, count: Int(geometry.clusterSize))
      for entry in min(kept, Int(geometry.l2Entries))..<Int(geometry.l2Entries) {
        noteFree(L2Entry(rawValue: buffer.bytes.big64(at: entry * geometry.l2EntryBytes)), .cut)
      }
      let cluster = offset >> geometry.clusterBits
      pendingFrees.add(cluster..<cluster + 1, .cut)
      if pendingFrees.isFull { try applyPendingFrees(node) }
    }
    if old.count > 0 {
      let first = old.offset >> geometry.clusterBits
      let kept = l1.offset == old.offset ? geometry.clusters(covering: l1.byteCount) : 0
      pendingFrees.add(first + kept..<first + geometry.clusters(covering: old.byteCount), .cut)
    }
    try applyPendingFrees(node)
  }

  /// Gives refcount blocks back that count nothing but themselves.
  func giveBackIdleBlocks(_ node: Node) throws(BlockError) {
    try writeRefcounts(node)
    var idle: [UInt64] = []
    for index in 0..<refcounts.table.count {
      let offset = RefcountTableEntry(rawValue: refcounts.table[index]).offset
      if offset != 0, try isIdle(offset >> geometry.clusterBits, at: index, node) {
        idle.append(UInt64(index))
      }
    }
    guard !idle.isEmpty else { return }
    try barrier(node)
    let former = refcounts.table
    for index in idle { refcounts.table[Int(index)] = 0 }
    do throws(BlockError) {
      try writeRefcounts(node)
      try barrier(node)
    } catch {
      // The file may have part of it: the entries have to be written once more.
      for index in idle { refcounts.table[Int(index)] = former[Int(index)] }
      throw error
    }
    for index in idle {
      let offset = former[Int(index)]
      refcounts.cache.drop(from: offset, bytes: geometry.clusterSize)
      let cluster = offset >> geometry.clusterBits
      if refcounts.tableIndex(of: cluster) == index {
        // With the block its own count went, too.
        refcounts.cursor = min(refcounts.cursor, cluster)
        discardHost(cluster..<cluster + 1, .cut, node)
      } else {
        try dropReferences(cluster..<cluster + 1, .cut, node)
      }
    }
    metadataMap = nil
  }

  /// Whether a block counts no cluster but the one it is in.
  private func isIdle(_ block: UInt64, at index: Int, _ node: Node) throws(BlockError) -> Bool {
    var cluster = UInt64(index) << geometry.refcountBlockBits
    let end = cluster + geometry.refcountBlockEntries
    while cluster < end {
      guard let used = try usedRun(from: cluster, node) else { return false }
      guard used == 0 || (used == 1 && cluster == block) else { return false }
      let free = used == 0 ? try freeRun(from: cluster, limit: end - cluster, node) ?? 0 : 1
      cluster += UInt64(free)
    }
    return true
  }

  /// Takes free space off the end of the file, but leaves it a length in bytes that it had before.
  func cutFile(keeping length: UInt64 = 0, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let end = geometry.clusters(covering: file.length)
    let least = max(geometry.clusters(covering: length), 1)
    var last = end
    while last > least, try refcount(of: last - 1, node) == 0 { last -= 1 }
    guard last < end else { return }
    try writeRefcounts(node)
    let newLength = last == least && length > 0 ? length : last << geometry.clusterBits
    requiredEnd = min(requiredEnd, newLength)
    emptyTablesEnd = min(emptyTablesEnd, newLength)
    try file.truncate(to: newLength)
  }
}
