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

/// Copying refcounts.
extension ClusterAllocator {
  /// Writes all refcounts, which count the copy too, to free clusters.
  func copy(order: UInt64, _ held: borrowing Held, _ context: JobContext) throws(BlockError)
    -> (copy: RefcountCopy, store: RefcountStore)
  {
    var copy = RefcountCopy(geometry.with(refcountOrder: order))
    do throws(BlockError) {
      try place(&copy, held)
      let table = try write(copy, held, context)
      let store = makeStore(table, copy.geometry, cursor: refcounts.cursor)
      return (copy, store)
    } catch {
      try? giveBack(copy, held)
      throw error
    }
  }

  /// Gives the clusters of a copy back.
  func giveBack(_ copy: RefcountCopy, _ held: borrowing Held) throws(BlockError) {
    for cluster in copy.blocks where cluster != 0 { try free(cluster..<cluster + 1, .other, held) }
    try free(copy.table, .other, held)
  }

  /// Gives the clusters of refcounts back that the header does not point to any more.
  func giveBack(_ former: RefcountStore, _ held: borrowing Held) throws(BlockError) {
    let first = former.table.offset >> geometry.clusterBits
    try free(
      first..<first + geometry.clusters(covering: former.table.byteCount), .other, held)
    for index in 0..<former.table.count where former.table[index] != 0 {
      let cluster = RefcountTableEntry(rawValue: former.table[index]).offset >> geometry.clusterBits
      try free(cluster..<cluster + 1, .other, held)
    }
  }

  /// Runs over all counts that are not 0, in order.
  func forEachCount(_ held: borrowing Held, _ body: (UInt64, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    for index in 0..<refcounts.table.count where refcounts.table[index] != 0 {
      try forEachSlice(ofBlock: index, held) { (cluster: UInt64, counts: Counts) throws(BlockError) in
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
    ofBlock index: Int, _ held: borrowing Held, _ body: (UInt64, Counts) throws(BlockError) -> Void
  ) throws(BlockError) {
    var cluster = UInt64(index) << geometry.refcountBlockBits
    let end = cluster + geometry.refcountBlockEntries
    while cluster < end, let counts = try counts(from: cluster, held) {
      try body(cluster, counts)
      cluster += UInt64(counts.remaining)
    }
  }

  /// Finds space for all blocks that are needed, those that count new blocks included, and for the table.
  private func place(_ copy: inout RefcountCopy, _ held: borrowing Held) throws(BlockError) {
    while true {
      let missing = try missingBlocks(copy, held)
      if missing.isEmpty, UInt64(copy.table.count) == copy.tableClusters { return }
      for index in missing {
        try copy.add(try take(1, for: "refcount block", held).lowerBound, for: index)
      }
      guard UInt64(copy.table.count) != copy.tableClusters else { continue }
      let small = copy.table
      copy.table = 0..<0
      try free(small, .other, held)
      copy.table = try take(copy.tableClusters, exactly: true, for: "refcount table", held)
    }
  }

  private func missingBlocks(_ copy: RefcountCopy, _ held: borrowing Held) throws(BlockError) -> [Int] {
    var missing: [Int] = []
    if copy.geometry.refcountOrder == geometry.refcountOrder {
      for index in 0..<refcounts.table.count where refcounts.table[index] != 0 && copy.lacksBlock(index) {
        missing.append(index)
      }
      return missing
    }
    let bits = copy.geometry.refcountBlockBits
    try forEachCount(held) { (cluster: UInt64, _: UInt64) throws(BlockError) in
      let index = Int(cluster >> bits)
      if missing.last != index, copy.lacksBlock(index) { missing.append(index) }
    }
    return missing
  }

  private func write(_ copy: RefcountCopy, _ held: borrowing Held, _ context: JobContext) throws(BlockError)
    -> TableInMemory
  {
    context.expect(UInt64(copy.blocks.count { $0 != 0 }))
    let file = try files.file(held)
    if copy.geometry.refcountOrder == geometry.refcountOrder {
      try writeSame(copy, file, held, context)
    } else {
      try writeConverted(copy, file, held, context)
    }
    let entries = copy.table.count << Int(geometry.clusterBits) / RefcountTableEntry.size
    let empty = TableInMemory(offset: 0, count: entries)
    var table = empty.moved(to: copy.table.lowerBound << geometry.clusterBits, count: entries)
    for (index, cluster) in copy.blocks.enumerated() { table[index] = cluster << geometry.clusterBits }
    try table.write(to: file)
    return table
  }

  /// Blocks of the same width count the same clusters.
  private func writeSame(_ copy: RefcountCopy, _ file: Edge, _ held: borrowing Held, _ context: JobContext)
    throws(BlockError)
  {
    let block = Buffer(count: Int(geometry.clusterSize))
    for (index, cluster) in copy.blocks.enumerated() where cluster != 0 {
      try context.checkInterrupted()
      var done = 0
      var bytes = block.mutableBytes
      try forEachSlice(ofBlock: index, held) { (_: UInt64, counts: Counts) throws(BlockError) in
        let slice = counts.slice.buffer
        bytes.copy(slice.bytes, at: done)
        done += slice.count
      }
      try file.write(at: cluster << geometry.clusterBits, from: block.bytes)
      context.advance(1)
    }
  }

  private func writeConverted(
    _ copy: RefcountCopy, _ file: Edge, _ held: borrowing Held, _ context: JobContext
  )
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
    try forEachCount(held) { (cluster: UInt64, count: UInt64) throws(BlockError) in
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
