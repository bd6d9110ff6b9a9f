// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Refcounts of another width. The monitor is held, and the file has all tables.
///
/// New blocks and a new table are put beside the present ones, which count them; one write to the header, inside one
/// sector, exchanges the tables and the width. What the new blocks count is what the present ones do, without the
/// present blocks and their table.
extension Qcow2Driver {
  /// The new structures.
  private struct NewRefcounts {
    let geometry: Geometry
    /// The cluster of each block, by its index in the table; 0 for none.
    var blocks: [UInt64] = []
    var table: Range<UInt64> = 0..<0

    /// Clusters that the table needs.
    var tableClusters: UInt64 {
      max(geometry.clusters(covering: UInt64(blocks.count * RefcountTableEntry.size)), 1)
    }
  }

  func changeRefcountWidth(to order: UInt64, _ node: Node, _ context: JobContext) throws(BlockError) {
    let wanted = Geometry(
      clusterBits: UInt32(geometry.clusterBits), hasExtendedL2: geometry.hasExtendedL2,
      refcountOrder: UInt32(order))
    try refuseLargeCounts(wanted, node)
    var new = NewRefcounts(geometry: wanted)
    do throws(BlockError) {
      try place(&new, node)
      let table = try write(new, node, context)
      try writeRefcounts(node)
      try barrier(node)
      try switchRefcounts(to: table, new, node)
    } catch {
      // What the header points to by now keeps its space; else it is lost at worst.
      if geometry.refcountOrder != order { try? giveBack(new, node) }
      throw error
    }
  }

  private func giveBack(_ new: NewRefcounts, _ node: Node) throws(BlockError) {
    for cluster in new.blocks where cluster != 0 { try dropReferences(cluster..<cluster + 1, .other, node) }
    try dropReferences(new.table, .other, node)
  }

  /// Runs over all counts that are not 0, in order.
  private func forEachCount(_ node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    for index in 0..<refcounts.table.count where refcounts.table[index] != 0 {
      var cluster = UInt64(index) << geometry.refcountBlockBits
      let end = cluster + geometry.refcountBlockEntries
      while cluster < end {
        guard let counts = try counts(from: cluster, node) else { break }
        let buffer = counts.slice.buffer
        // Slices are cut at the same places everywhere.
        if !buffer.bytes.isZero {
          for step in 0..<counts.remaining {
            let count = RefcountBlock.count(
              buffer.bytes, at: counts.first + step, order: geometry.refcountOrder)
            if count != 0 { try body(cluster + UInt64(step), count) }
          }
        }
        cluster += UInt64(counts.remaining)
      }
    }
  }

  private func refuseLargeCounts(_ wanted: Geometry, _ node: Node) throws(BlockError) {
    guard wanted.refcountOrder < geometry.refcountOrder else { return }
    try forEachCount(node) { (cluster: UInt64, count: UInt64) throws(BlockError) in
      guard count > wanted.refcountMaximum else { return }
      throw BlockError(
        .tooLarge,
        "Cannot decrease refcount entry width to \(wanted.refcountBits) bits: Cluster at offset "
          + "0x\(hex(cluster << geometry.clusterBits)) has a refcount of \(count)")
    }
  }

  // MARK: Making the new structures

  /// Finds space for all blocks that are needed, those that count new blocks included, and for the table.
  private func place(_ new: inout NewRefcounts, _ node: Node) throws(BlockError) {
    while true {
      var missing: [Int] = []
      let bits = new.geometry.refcountBlockBits
      let blocks = new.blocks
      try forEachCount(node) { (cluster: UInt64, _: UInt64) throws(BlockError) in
        let index = Int(cluster >> bits)
        if missing.last != index, index >= blocks.count || blocks[index] == 0 { missing.append(index) }
      }
      if missing.isEmpty, UInt64(new.table.count) == new.tableClusters { return }
      for index in missing {
        let cluster = try allocate(1, for: "refcount block", node).lowerBound
        try grow(&new, to: index)
        new.blocks[index] = cluster
      }
      guard UInt64(new.table.count) != new.tableClusters else { continue }
      let small = new.table
      new.table = 0..<0
      try dropReferences(small, .other, node)
      new.table = try allocate(new.tableClusters, exactly: true, for: "refcount table", node)
    }
  }

  private func grow(_ new: inout NewRefcounts, to index: Int) throws(BlockError) {
    guard index >= new.blocks.count else { return }
    guard UInt64(index + 1) * UInt64(RefcountTableEntry.size) <= Qcow2Limits.refcountTableBytes else {
      throw BlockError(.tooLarge, "Reference count table too large")
    }
    new.blocks += [UInt64](repeating: 0, count: index + 1 - new.blocks.count)
  }

  /// Writes all blocks and the table to their places; the header does not point there yet.
  private func write(_ new: NewRefcounts, _ node: Node, _ context: JobContext) throws(BlockError)
    -> TableInMemory
  {
    let file = try file(of: node)
    let former = presentRefcountClusters
    let geometry = new.geometry
    let buffer = Buffer(count: Int(geometry.clusterSize))
    let used = new.blocks.count { $0 != 0 }
    context.expect(UInt64(used))
    var current: Int?
    func finishBlock() throws(BlockError) {
      guard let block = current else { return }
      try file.write(at: new.blocks[block] << geometry.clusterBits, from: buffer.bytes)
      var bytes = buffer.mutableBytes
      bytes.fill()
      context.advance(1)
    }
    try forEachCount(node) { (cluster: UInt64, count: UInt64) throws(BlockError) in
      let block = Int(cluster >> geometry.refcountBlockBits)
      if block != current {
        try finishBlock()
        try context.checkInterrupted()
        current = block
      }
      guard !former.contains(cluster) else { return }
      var bytes = buffer.mutableBytes
      let index = Int(cluster & (geometry.refcountBlockEntries - 1))
      RefcountBlock.set(count, &bytes, at: index, order: geometry.refcountOrder)
    }
    try finishBlock()
    let entries = new.table.count << Int(geometry.clusterBits) / RefcountTableEntry.size
    var table = TableInMemory(offset: new.table.lowerBound << geometry.clusterBits, count: entries)
    for (index, cluster) in new.blocks.enumerated() { table[index] = cluster << geometry.clusterBits }
    table = table.moved(to: table.offset, count: entries)
    try table.write(to: file)
    return table
  }

  /// The clusters of the present table and its blocks.
  private var presentRefcountClusters: Set<UInt64> {
    let first = refcounts.table.offset >> geometry.clusterBits
    var result = Set(first..<first + geometry.clusters(covering: refcounts.table.byteCount))
    for index in 0..<refcounts.table.count where refcounts.table[index] != 0 {
      result.insert(RefcountTableEntry(rawValue: refcounts.table[index]).offset >> geometry.clusterBits)
    }
    return result
  }

  // MARK: The moment of change

  private func switchRefcounts(to table: TableInMemory, _ new: NewRefcounts, _ node: Node)
    throws(BlockError)
  {
    var changed = header
    changed.refcountTableOffset = table.offset
    changed.refcountTableClusters = UInt32(new.table.count)
    changed.refcountOrder = UInt32(new.geometry.refcountOrder)
    do throws(BlockError) {
      try writeRefcountFields(changed, node)
    } catch {
      // It may be there in part: only a second write tells that it is not.
      if (try? writeRefcountFields(header, node)) == nil { isBroken = true }
      throw error
    }
    header = changed
    useRefcounts(table, new.geometry)
    for cluster in new.blocks where cluster != 0 {
      requiredEnd = max(requiredEnd, (cluster + 1) << geometry.clusterBits)
    }
    requiredEnd = max(requiredEnd, new.table.upperBound << geometry.clusterBits)
    try barrier(node)
  }

  /// Everything from the refcount table's place to the width of counts, in one write inside one sector.
  private func writeRefcountFields(_ header: Header, _ node: Node) throws(BlockError) {
    let start = Header.Field.refcountTable
    let buffer = Buffer(count: 100 - start)
    var bytes = buffer.mutableBytes
    bytes.storeBig(header.refcountTableOffset, at: 48 - start)
    bytes.storeBig(header.refcountTableClusters, at: 56 - start)
    bytes.storeBig(header.snapshotCount, at: 60 - start)
    bytes.storeBig(header.snapshotsOffset, at: 64 - start)
    bytes.storeBig(header.incompatible.rawValue, at: 72 - start)
    bytes.storeBig(header.compatible.rawValue, at: 80 - start)
    bytes.storeBig(header.autoclear.rawValue, at: 88 - start)
    bytes.storeBig(header.refcountOrder, at: 96 - start)
    try file(of: node).write(at: UInt64(start), from: buffer.bytes)
  }
}
