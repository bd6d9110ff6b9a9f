// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// All refcounts once more, in clusters of their own and perhaps of another width. The header points to the others.
struct RefcountCopy {
  let geometry: Geometry
  /// The cluster of each block, by its index in the table; 0 for none.
  fileprivate(set) var blocks: [UInt64] = []
  /// The clusters of the table.
  fileprivate(set) var table: Range<UInt64> = 0..<0

  fileprivate init(_ geometry: Geometry) { self.geometry = geometry }

  /// Clusters that the table needs.
  fileprivate var tableClusters: UInt64 {
    max(geometry.clusters(covering: UInt64(blocks.count * RefcountTableEntry.size)), 1)
  }

  fileprivate func lacksBlock(_ index: Int) -> Bool { index >= blocks.count || blocks[index] == 0 }

  fileprivate mutating func add(_ cluster: UInt64, for index: Int) throws(BlockError) {
    if index >= blocks.count {
      guard UInt64(index + 1) * UInt64(RefcountTableEntry.size) <= Qcow2Limits.refcountTableBytes else {
        throw BlockError(.tooLarge, "Reference count table too large")
      }
      blocks += [UInt64](repeating: 0, count: index + 1 - blocks.count)
    }
    blocks[index] = cluster
  }
}

/// Copying refcounts. The monitor is held.
extension Qcow2Driver {
  /// Writes all refcounts, which count the copy too, to free clusters.
  func copyRefcounts(order: UInt64, _ node: Node, _ context: JobContext) throws(BlockError)
    -> (copy: RefcountCopy, store: RefcountStore)
  {
    var copy = RefcountCopy(geometry.with(refcountOrder: order))
    do throws(BlockError) {
      try place(&copy, node)
      let table = try write(copy, node, context)
      let store = RefcountStore(
        table, geometry: copy.geometry, cacheBytes: options.refcountCacheBytes, monitor: monitor)
      store.cursor = refcounts.cursor
      return (copy, store)
    } catch {
      try? giveBack(copy, node)
      throw error
    }
  }

  /// Gives the clusters of a copy back.
  func giveBack(_ copy: RefcountCopy, _ node: Node) throws(BlockError) {
    for cluster in copy.blocks where cluster != 0 { try dropReferences(cluster..<cluster + 1, .other, node) }
    try dropReferences(copy.table, .other, node)
  }

  /// Gives the clusters of refcounts back that the header does not point to any more.
  func giveBack(_ former: RefcountStore, _ node: Node) throws(BlockError) {
    let first = former.table.offset >> geometry.clusterBits
    try dropReferences(
      first..<first + geometry.clusters(covering: former.table.byteCount), .other, node)
    for index in 0..<former.table.count where former.table[index] != 0 {
      let cluster = RefcountTableEntry(rawValue: former.table[index]).offset >> geometry.clusterBits
      try dropReferences(cluster..<cluster + 1, .other, node)
    }
  }

  /// Runs over all counts that are not 0, in order.
  func forEachCount(_ node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void) throws(BlockError) {
    for index in 0..<refcounts.table.count where refcounts.table[index] != 0 {
      try forEachSlice(ofBlock: index, node) { (cluster: UInt64, counts: Counts) throws(BlockError) in
        let buffer = counts.slice.buffer
        guard !buffer.bytes.isZero else { return }
        for step in 0..<counts.remaining {
          let count = RefcountBlock.count(
            buffer.bytes, at: counts.first + step, order: geometry.refcountOrder)
          if count != 0 { try body(cluster + UInt64(step), count) }
        }
      }
    }
  }

  /// Runs over a block from its start, slice by slice; tells the first cluster that each one counts.
  private func forEachSlice(
    ofBlock index: Int, _ node: Node, _ body: (UInt64, Counts) throws(BlockError) -> Void
  ) throws(BlockError) {
    var cluster = UInt64(index) << geometry.refcountBlockBits
    let end = cluster + geometry.refcountBlockEntries
    while cluster < end, let counts = try counts(from: cluster, node) {
      try body(cluster, counts)
      cluster += UInt64(counts.remaining)
    }
  }

  /// Finds space for all blocks that are needed, those that count new blocks included, and for the table.
  private func place(_ copy: inout RefcountCopy, _ node: Node) throws(BlockError) {
    while true {
      let missing = try missingBlocks(copy, node)
      if missing.isEmpty, UInt64(copy.table.count) == copy.tableClusters { return }
      for index in missing {
        try copy.add(try allocate(1, for: "refcount block", node).lowerBound, for: index)
      }
      guard UInt64(copy.table.count) != copy.tableClusters else { continue }
      let small = copy.table
      copy.table = 0..<0
      try dropReferences(small, .other, node)
      copy.table = try allocate(copy.tableClusters, exactly: true, for: "refcount table", node)
    }
  }

  private func missingBlocks(_ copy: RefcountCopy, _ node: Node) throws(BlockError) -> [Int] {
    var missing: [Int] = []
    if copy.geometry.refcountOrder == geometry.refcountOrder {
      for index in 0..<refcounts.table.count where refcounts.table[index] != 0 && copy.lacksBlock(index) {
        missing.append(index)
      }
      return missing
    }
    let bits = copy.geometry.refcountBlockBits
    try forEachCount(node) { (cluster: UInt64, _: UInt64) throws(BlockError) in
      let index = Int(cluster >> bits)
      if missing.last != index, copy.lacksBlock(index) { missing.append(index) }
    }
    return missing
  }

  private func write(_ copy: RefcountCopy, _ node: Node, _ context: JobContext) throws(BlockError)
    -> TableInMemory
  {
    context.expect(UInt64(copy.blocks.count { $0 != 0 }))
    let file = try file(of: node)
    if copy.geometry.refcountOrder == geometry.refcountOrder {
      try writeSame(copy, file, node, context)
    } else {
      try writeConverted(copy, file, node, context)
    }
    let entries = copy.table.count << Int(geometry.clusterBits) / RefcountTableEntry.size
    let empty = TableInMemory(offset: 0, count: entries)
    var table = empty.moved(to: copy.table.lowerBound << geometry.clusterBits, count: entries)
    for (index, cluster) in copy.blocks.enumerated() { table[index] = cluster << geometry.clusterBits }
    try table.write(to: file)
    return table
  }

  /// Blocks of the same width count the same clusters.
  private func writeSame(_ copy: RefcountCopy, _ file: Edge, _ node: Node, _ context: JobContext)
    throws(BlockError)
  {
    let block = Buffer(count: Int(geometry.clusterSize))
    for (index, cluster) in copy.blocks.enumerated() where cluster != 0 {
      try context.checkInterrupted()
      var done = 0
      var bytes = block.mutableBytes
      try forEachSlice(ofBlock: index, node) { (_: UInt64, counts: Counts) throws(BlockError) in
        let slice = counts.slice.buffer
        bytes.copy(slice.bytes, at: done)
        done += slice.count
      }
      try file.write(at: cluster << geometry.clusterBits, from: block.bytes)
      context.advance(1)
    }
  }

  private func writeConverted(_ copy: RefcountCopy, _ file: Edge, _ node: Node, _ context: JobContext)
    throws(BlockError)
  {
    let geometry = copy.geometry
    let buffer = Buffer(count: Int(geometry.clusterSize))
    var current: Int?
    func finishBlock() throws(BlockError) {
      guard let block = current else { return }
      try file.write(at: copy.blocks[block] << geometry.clusterBits, from: buffer.bytes)
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
      var bytes = buffer.mutableBytes
      let index = Int(cluster & (geometry.refcountBlockEntries - 1))
      RefcountBlock.set(count, &bytes, at: index, order: geometry.refcountOrder)
    }
    try finishBlock()
  }
}
