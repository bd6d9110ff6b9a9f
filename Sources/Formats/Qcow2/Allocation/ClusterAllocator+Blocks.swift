// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Refcount blocks and the table that points to them.
extension ClusterAllocator {
  /// Enters a refcount block at the free cluster `place`, which it counts itself or another block does, as the one
  /// that counts `cluster`. This is the only way into the table that the header points to.
  ///
  /// First the count, then the entry, with nothing in between that could drive either of them into the file alone.
  func enter(blockAt place: UInt64, counting cluster: UInt64, _ held: borrowing Held) throws(BlockError) {
    let index = refcounts.tableIndex(of: cluster)
    guard index < UInt64(refcounts.table.count) else { return try growRefcountTable(held) }
    try guardian.refuseTaken(place..<place + 1, for: "refcount block", held)
    let offset = place << geometry.clusterBits
    files.note(.refblockAllocWrite, held)
    try files.clearCluster(at: offset, held)
    refcounts.cache.drop(from: offset, bytes: geometry.clusterSize, held)
    let countsItself = refcounts.tableIndex(of: place) == index
    guard
      let counts = countsItself
        ? try counts(of: place, inBlockAt: offset, held) : try counts(from: place, held)
    else { throw BlockError(.corrupt, "no refcount block for cluster \(place)") }
    set(counts, to: 1, 1, held)
    refcounts.setBlock(Int(index), at: offset)
    guardian.note(place)
  }

  // MARK: Growing the refcount table

  /// Puts a larger refcount table behind everything that the present one can count.
  ///
  /// Done at once rather than late: the new table is in the file before the header points to it.
  func growRefcountTable(_ held: borrowing Held) throws(BlockError) {
    files.note(.reftableGrow, held)
    let file = try files.file(held)
    let start = UInt64(refcounts.table.count) << geometry.refcountBlockBits
    let plan = try planRefcountTable(at: start)
    // Blocks that the old table points to must be in the file before another table points to them.
    try writeBlocks(held)
    let end = plan.tableStart + plan.tableClusters
    var cluster = start
    for block in 0..<plan.blocks {
      let offset = (start + block) << geometry.clusterBits
      let buffer = Buffer(count: Int(geometry.clusterSize))
      var bytes = buffer.mutableBytes
      var index = 0
      while index < Int(geometry.refcountBlockEntries), cluster < end {
        RefcountBlock.set(1, &bytes, at: index, order: geometry.refcountOrder)
        index += 1
        cluster += 1
      }
      refcounts.cache.drop(from: offset, bytes: geometry.clusterSize, held)
      files.note(.refblockAllocWriteBlocks, held)
      try file.write(at: offset, from: buffer.bytes)
    }
    let entries = Int(plan.tableClusters << geometry.clusterBits) / RefcountTableEntry.size
    var table = refcounts.table.moved(to: plan.tableStart << geometry.clusterBits, count: entries)
    let firstEntry = refcounts.table.count
    for block in 0..<plan.blocks { table[firstEntry + Int(block)] = (start + block) << geometry.clusterBits }
    files.note(.refblockAllocWriteTable, held)
    try table.write(to: file)
    // While tables are being exchanged, the header is to point to the ones they will be in the end.
    if !isExchanging {
      try files.barrier(held)
      files.note(.refblockAllocSwitchTable, held)
      try header.switchTables(held) {
        $0.refcountTableOffset = table.offset
        $0.refcountTableClusters = UInt32(plan.tableClusters)
      }
      try files.barrier(held)
    }
    let old = refcounts.table
    refcounts.use(table)
    guardian.note(start..<end)
    let first = old.offset >> geometry.clusterBits
    try free(first..<first + old.byteCount.dividedUp(by: geometry.clusterSize), .other, held)
  }

  private struct TablePlan {
    var blocks: UInt64
    var tableStart: UInt64
    var tableClusters: UInt64
  }

  /// Half as large again, with blocks in front that count both: they lie where nothing was counted before.
  private func planRefcountTable(at start: UInt64) throws(BlockError) -> TablePlan {
    let perCluster = geometry.clusterSize / UInt64(RefcountTableEntry.size)
    let old = UInt64(refcounts.table.count)
    var blocks: UInt64 = 1
    while true {
      let least = max(old + old / 2, old + blocks) + 1
      let tableClusters = least.dividedUp(by: perCluster)
      guard tableClusters << geometry.clusterBits <= Qcow2Limits.refcountTableBytes else {
        throw BlockError(.tooLarge, "Reference count table too large")
      }
      let needed = (blocks + tableClusters).dividedUp(by: geometry.refcountBlockEntries)
      if needed <= blocks {
        return TablePlan(blocks: blocks, tableStart: start + blocks, tableClusters: tableClusters)
      }
      blocks = needed
    }
  }
}
