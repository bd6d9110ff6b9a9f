// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Making the guest's disk shorter.
///
/// The part behind the new end goes all at once: a copy of the tables without it is made first, then one write to the
/// header sets the length together with the L1 table, and only then is space given back.
struct DiskCut {
  private let driver: Qcow2Driver

  init(_ driver: Qcow2Driver) { self.driver = driver }

  private var mapping: MappingTables { driver.mapping }
  private var allocator: ClusterAllocator { driver.allocator }
  private var header: HeaderStore { driver.header }
  private var files: FileSpace { driver.files }
  private var guardian: OverlapGuard { driver.guardian }
  private var claims: ClaimedWrites { driver.claims }
  private var geometry: Geometry { driver.allocator.geometry }

  func shrink(to newLength: UInt64, _ held: borrowing Held) throws(BlockError) {
    claims.wait(for: newLength..<mapping.length, held)
    try mapping.settle(held)
    do throws(BlockError) {
      let copied = try replaceTables(for: newLength, copying: nil, held)
      // The new tables went behind everything; there may be room further down now, so that the file can be cut.
      if allocator.refcounts.cursor < mapping.l1.offset >> geometry.clusterBits {
        try replaceTables(for: newLength, copying: copied, held)
      }
    } catch {
      guard error.isOutOfSpace, !header.isBroken else { throw error }
      // Tables that only did not come to lie further down are as good where they are.
      if mapping.length != newLength { try shortenTables(for: newLength, held) }
    }
    try allocator.giveBackIdleBlocks(held)
    if files.hasDataFile {
      try files.dataFile(held).truncate(to: newLength)
    } else {
      try allocator.cutFile(held)
    }
  }

  /// Exchanges the tables for shorter ones at another place and gives up what those lack.
  ///
  /// - Parameter index: the L1 entry whose L2 table gets another place in any case.
  /// - Returns: the L1 entry whose L2 table got another place.
  @discardableResult
  private func replaceTables(for newLength: UInt64, copying index: Int?, _ held: borrowing Held)
    throws(BlockError)
    -> Int?
  {
    let old = mapping.l1
    let fileLength = try files.file(held).length
    var tables = ShorterTables(l1: old)
    do throws(BlockError) {
      files.note(.l1ShrinkWriteTable, held)
      try makeShorterTables(&tables, for: newLength, copying: index, held)
      try allocator.write(held)
      try files.barrier(held)
      try header.switchTables(held) {
        $0.size = newLength
        $0.use(tables.l1)
      }
    } catch {
      if !header.isBroken { try? takeBack(tables.clusters, keeping: fileLength, held) }
      throw error
    }
    // Readers see the end before what lies behind it goes.
    mapping.setLength(newLength)
    mapping.use(tables.l1)
    for index in (tables.copied ?? mapping.l1.count)..<old.count {
      mapping.forgetTable(at: L1Entry(rawValue: old[index]).offset, held)
    }
    try files.barrier(held)
    files.note(.l1ShrinkFreeL2Clusters, held)
    try giveUp(old, from: newLength, held)
    return tables.copied
  }

  private func takeBack(_ clusters: [Range<UInt64>], keeping length: UInt64, _ held: borrowing Held)
    throws(BlockError)
  {
    for run in clusters { try allocator.free(run, .other, held) }
    try allocator.cutFile(keeping: length, held)
  }

  /// Makes the tables shorter where they are: there is no room for others.
  ///
  /// One write to the header still decides. Should the program stop behind it, space behind the new end is left in use,
  /// which growing gives up before anybody sees it.
  private func shortenTables(for newLength: UInt64, _ held: borrowing Held) throws(BlockError) {
    let old = mapping.l1
    let count = max(Int(geometry.l1Entries(forLength: newLength)), 1)
    try header.switchTables(held) {
      $0.size = newLength
      $0.l1Size = UInt32(min(count, old.count))
    }
    mapping.setLength(newLength)
    mapping.use(old.prefix(min(count, old.count)))
    for index in mapping.l1.count..<old.count {
      mapping.forgetTable(at: L1Entry(rawValue: old[index]).offset, held)
    }
    try files.barrier(held)
    files.note(.l1ShrinkFreeL2Clusters, held)
    try giveUp(old, from: newLength, held)
    let tail = newLength.roundedUp(to: geometry.clusterSize) ?? newLength
    do throws(BlockError) {
      try mapping.giveUp(from: tail, to: UInt64(mapping.l1.count) << geometry.l2SpanBits, .cut, held)
    } catch {
      // A table that is shared with a snapshot has to be copied for that. Without room its entries behind the end stay:
      // their clusters are the snapshot's, too.
      guard error.isOutOfSpace, !header.isBroken else { throw error }
    }
    try mapping.settle(held)
  }

  private struct ShorterTables {
    var l1: TableInMemory
    /// The L1 entry whose L2 table is a copy.
    var copied: Int?
    /// The clusters taken for both tables.
    var clusters: [Range<UInt64>] = []
  }

  /// Puts an L1 table for a shorter disk into the file and, where the last L2 table holds entries that are to go, a
  /// copy of it without them.
  private func makeShorterTables(
    _ tables: inout ShorterTables, for newLength: UInt64, copying index: Int?, _ held: borrowing Held
  ) throws(BlockError) {
    let file = try files.file(held)
    // A disk of no length keeps an entry too: a table without any would have a cluster that nothing refers to.
    let count = max(Int(geometry.l1Entries(forLength: newLength)), 1)
    let kept = geometry.clusters(covering: newLength) & (geometry.l2Entries - 1)
    let last = count - 1
    let boundary = kept == 0 ? 0 : try tableOffset(mapping.l1, last, held)
    var changed: L1Entry?
    if boundary != 0,
      let copy = try copyTable(at: boundary, keeping: Int(kept), always: index == last, &tables, held)
    {
      changed = L1Entry(table: copy)
    }
    let bytes = max(UInt64(count) * 8, 8)
    let clusters = try allocator.take(
      geometry.clusters(covering: bytes), exactly: true, for: "L1 table", held)
    tables.clusters.append(clusters)
    var table = mapping.l1.moved(to: clusters.lowerBound << geometry.clusterBits, count: count)
    if let changed { table[last] = changed.rawValue }
    if newLength == 0 { table[0] = 0 }
    try table.write(to: file)
    files.require(table.offset + table.byteCount)
    guardian.note(clusters)
    tables.l1 = table
    tables.copied = changed == nil ? nil : last
  }

  /// The offset of the L2 table of an L1 entry; 0 where there is none.
  private func tableOffset(_ table: TableInMemory, _ index: Int, _ held: borrowing Held) throws(BlockError)
    -> UInt64
  {
    let offset = L1Entry(rawValue: table[index]).offset
    guard geometry.offsetInCluster(offset) == 0 else {
      throw header.damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", held)
    }
    return offset
  }

  /// Copies the first entries of an L2 table to a new cluster; nil where all others are empty anyway, unless `always`.
  private func copyTable(
    at offset: UInt64, keeping kept: Int, always: Bool, _ tables: inout ShorterTables, _ held: borrowing Held
  ) throws(BlockError) -> UInt64? {
    let file = try files.file(held)
    let buffer = try file.read(at: offset, count: Int(geometry.clusterSize))
    var bytes = buffer.mutableBytes
    var rest = bytes.slice(kept * geometry.l2EntryBytes..<buffer.count)
    guard always || !rest.bytes.isZero else { return nil }
    rest.fill()
    let cluster = try allocator.take(1, for: "L2 table", held).lowerBound
    tables.clusters.append(cluster..<cluster + 1)
    let target = cluster << geometry.clusterBits
    mapping.forgetTable(at: target, held)
    guardian.note(cluster)
    try file.write(at: target, from: buffer.bytes)
    files.require(target + geometry.clusterSize)
    return target
  }

  /// Takes the references away that an L1 table no longer in use had and the present one has not.
  private func giveUp(_ old: TableInMemory, from newLength: UInt64, _ held: borrowing Held) throws(BlockError)
  {
    let file = try files.file(held)
    let clusters = geometry.clusters(covering: newLength)
    for index in 0..<old.count {
      let offset = try tableOffset(old, index, held)
      guard offset != 0, L1Entry(rawValue: index < mapping.l1.count ? mapping.l1[index] : 0).offset != offset
      else {
        continue
      }
      let start = UInt64(index) << geometry.l2Bits
      let kept = clusters > start ? Int(clamping: clusters - start) : 0
      let buffer = try file.read(at: offset, count: Int(geometry.clusterSize))
      for entry in min(kept, Int(geometry.l2Entries))..<Int(geometry.l2Entries) {
        mapping.freeLater(L2Entry(rawValue: buffer.bytes.big64(at: entry * geometry.l2EntryBytes)), .cut)
      }
      let cluster = offset >> geometry.clusterBits
      allocator.freeLater(cluster..<cluster + 1, .cut)
      if allocator.hasManyFrees { try allocator.applyFrees(held) }
    }
    if old.count > 0 {
      let first = old.offset >> geometry.clusterBits
      let kept = mapping.l1.offset == old.offset ? geometry.clusters(covering: mapping.l1.byteCount) : 0
      allocator.freeLater(first + kept..<first + geometry.clusters(covering: old.byteCount), .cut)
    }
    try allocator.applyFrees(held)
  }
}
