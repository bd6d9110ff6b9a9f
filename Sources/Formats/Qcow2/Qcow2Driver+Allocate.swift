// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Finding free host clusters. The monitor is held and not let go.
extension Qcow2Driver {
  /// Takes up to `wanted` neighbouring free clusters, or exactly as many with `exactly`.
  ///
  /// The lowest ones that are free, so that the same calls always make the same image.
  /// With `from`, those from there on.
  func allocate(
    _ wanted: UInt64, exactly: Bool = false, from first: UInt64? = nil, for what: StaticString, _ node: Node
  ) throws(BlockError) -> Range<UInt64> {
    var cursor = first ?? refcounts.cursor
    var passedFree = first != nil
    while true {
      let start = try firstFree(from: cursor, node)
      if !passedFree { refcounts.cursor = start }
      let end = try freeRunEnd(from: start, limit: wanted, node)
      let found = start..<end.cluster
      if UInt64(found.count) == wanted || (!exactly && !found.isEmpty) {
        try refuseTaken(found, for: what, node)
        try takeFree(found, node)
        if !passedFree { refcounts.cursor = found.upperBound }
        return found
      }
      cursor = start
      if end.lacksBlock {
        // Blocks go where they do not stand in the way of a run: in front of it.
        try enterBlock(at: start, counting: end.cluster, node)
      } else {
        cursor = end.cluster
        passedFree = true
      }
    }
  }

  /// The first free cluster from `first` on; makes the block that counts it, if need be.
  private func firstFree(from first: UInt64, _ node: Node) throws(BlockError) -> UInt64 {
    var cluster = first
    while true {
      guard cluster << geometry.clusterBits <= Qcow2Limits.hostOffset - geometry.clusterSize else {
        throw BlockError(.tooLarge, "the image file is as large as the format allows")
      }
      guard let used = try usedRun(from: cluster, node) else {
        if refcounts.tableIndex(of: cluster) >= UInt64(refcounts.table.count) {
          try growRefcountTable(node)
        } else {
          try enterBlock(at: cluster, counting: cluster, node)
        }
        continue
      }
      if used == 0 { return cluster }
      cluster += UInt64(used)
    }
  }

  private struct RunEnd {
    var cluster: UInt64
    var lacksBlock: Bool
  }

  private func freeRunEnd(from start: UInt64, limit: UInt64, _ node: Node) throws(BlockError) -> RunEnd {
    var cluster = start
    while cluster - start < limit {
      guard let run = try freeRun(from: cluster, limit: limit - (cluster - start), node) else {
        return RunEnd(cluster: cluster, lacksBlock: true)
      }
      if run == 0 { break }
      cluster += UInt64(run)
    }
    return RunEnd(cluster: cluster, lacksBlock: false)
  }

  /// Enters a refcount block at the free cluster `place`, which it counts itself or another block does, as the one
  /// that counts `cluster`. This is the only way into the table that the header points to.
  ///
  /// First the count, then the entry, with nothing in between that could drive either of them into the file alone.
  func enterBlock(at place: UInt64, counting cluster: UInt64, _ node: Node) throws(BlockError) {
    let index = refcounts.tableIndex(of: cluster)
    guard index < UInt64(refcounts.table.count) else { return try growRefcountTable(node) }
    try refuseTaken(place..<place + 1, for: "refcount block", node)
    let offset = place << geometry.clusterBits
    try clearCluster(at: offset, node)
    refcounts.cache.drop(from: offset, bytes: geometry.clusterSize)
    let countsItself = refcounts.tableIndex(of: place) == index
    guard
      let counts = countsItself
        ? try counts(of: place, inBlockAt: offset, node) : try counts(from: place, node)
    else { throw BlockError(.corrupt, "no refcount block for cluster \(place)") }
    set(counts, to: 1, 1)
    refcounts.table[Int(index)] = offset
    metadataMap?.insert(place)
  }

  /// Makes a cluster read as zeros that held something else before. Space past the end of the file does already.
  func clearCluster(at offset: UInt64, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let end = offset + geometry.clusterSize
    requiredEnd = max(requiredEnd, end)
    if offset < file.length {
      try file.writeZeroes(at: offset, length: geometry.clusterSize)
    } else {
      emptyTablesEnd = max(emptyTablesEnd, end)
    }
  }

  // MARK: Growing the refcount table

  /// Puts a larger refcount table behind everything that the present one can count.
  ///
  /// Done at once rather than late: the new table is in the file before the header points to it.
  private func growRefcountTable(_ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let start = UInt64(refcounts.table.count) << geometry.refcountBlockBits
    let plan = try planRefcountTable(at: start)
    // What the old table points to must be in the file before another table points to it.
    try refcounts.cache.writeDirty(to: file, checking: checkWrite(.refcountBlock, node))
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
      refcounts.cache.drop(from: offset, bytes: geometry.clusterSize)
      try file.write(at: offset, from: buffer.bytes)
    }
    let entries = Int(plan.tableClusters << geometry.clusterBits) / RefcountTableEntry.size
    var table = refcounts.table.moved(to: plan.tableStart << geometry.clusterBits, count: entries)
    let firstEntry = refcounts.table.count
    for block in 0..<plan.blocks { table[firstEntry + Int(block)] = (start + block) << geometry.clusterBits }
    try table.write(to: file)
    // While tables are being exchanged, the header is to point to the ones they will be in the end.
    if !isExchanging {
      try barrier(node)
      var changed = header
      changed.refcountTableOffset = table.offset
      changed.refcountTableClusters = UInt32(plan.tableClusters)
      try switchHeader(to: changed, node)
      try barrier(node)
    }
    let old = refcounts.table
    refcounts.table = table
    for cluster in start..<end { metadataMap?.insert(cluster) }
    let first = old.offset >> geometry.clusterBits
    try dropReferences(first..<first + old.byteCount.dividedUp(by: geometry.clusterSize), .other, node)
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
