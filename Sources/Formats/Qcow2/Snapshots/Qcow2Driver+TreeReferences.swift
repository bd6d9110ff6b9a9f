// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Changing the references of a whole tree of tables, during an exchange of tables. The monitor is held.
///
/// L2 tables are read in large runs, straight from the file, and each only once; refcounts go through their cache.
/// No L2 table is changed where it is: whoever still has it must find it as it was.
extension Qcow2Driver {
  /// Refuses a tree that has clusters with as many references as a narrow refcount holds, before anything is written.
  ///
  /// Wide ones are full where clusters have been compressed or tables damaged beyond all custom; that is found later.
  func refuseFullCounts(_ table: TableInMemory, _ node: Node) throws(BlockError) {
    guard geometry.refcountOrder < 4 else { return }
    var walk = TreeWalk(table.count, geometry, try file(of: node))
    while let index = try walk.next(in: table, node, self) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      for entry in 0..<Int(geometry.l2Entries) {
        let entry = L2Entry(rawValue: bytes.big64(at: entry * geometry.l2EntryBytes))
        for cluster in try hostClusters(entry, node) ?? 0..<0 {
          let count = try refcount(of: cluster, node)
          if count >= geometry.refcountMaximum { throw isFull(cluster, count) }
        }
      }
    }
  }

  private func isFull(_ cluster: UInt64, _ count: UInt64) -> BlockError {
    BlockError(
      .tooLarge,
      "cluster \(cluster) cannot have more than \(count) references (refcount_bits=\(geometry.refcountBits))")
  }

  /// Adds a reference to each cluster that a tree has, for a second tree with the same content, which `table` becomes.
  ///
  /// Marks for "refcount is 1" are in none of the second tree's tables. L2 tables that have some are copied; the
  /// others belong to both trees from now on. With `inPlace` all do: no other has use for the marks of a snapshot's.
  func share(_ table: inout TableInMemory, inPlace: Bool = false, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    var walk = TreeWalk(table.count, geometry, file)
    while let index = try walk.next(in: table, node, self) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let range = walk.run.range(of: offset, geometry.clusterSize)
      try addReferences(toDataOf: buffer.bytes.slice(range), node)
      var target = buffer.mutableBytes
      var bytes = target.slice(range)
      let hasMarks = try setMarks(&bytes, asSingle: false, node)
      if hasMarks, inPlace { try writeChanges(buffer.bytes.slice(range), at: offset, file) }
      if hasMarks, !inPlace {
        let cluster = try allocate(1, for: "L2 table", node).lowerBound
        table[index] = try writeL2(buffer.bytes.slice(range), to: cluster, file).rawValue
      } else {
        try addReferences(to: offset >> geometry.clusterBits..<offset >> geometry.clusterBits + 1, node)
        table[index] &= ~L2Entry.copiedBit
      }
    }
  }

  /// Takes a reference away from everything that an L1 table points to: L2 tables and what those point to.
  func countDown(_ table: TableInMemory, _ reason: PendingFrees.Reason, _ node: Node) throws(BlockError) {
    var walk = TreeWalk(table.count, geometry, try file(of: node))
    while let index = try walk.next(in: table, node, self) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      for entry in 0..<Int(geometry.l2Entries) {
        noteFree(L2Entry(rawValue: bytes.big64(at: entry * geometry.l2EntryBytes)), reason)
      }
      let cluster = offset >> geometry.clusterBits
      pendingFrees.add(cluster..<cluster + 1, reason)
      if pendingFrees.isFull { try applyPendingFrees(node) }
    }
    try applyPendingFrees(node)
  }

  /// Lets marks say what refcounts do. L2 tables in which some change are copied to `spare` clusters.
  func setMarks(_ table: inout TableInMemory, _ spare: inout SpareTables, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    try setMarks(&table, node) { (bytes: RawSpan, offset: UInt64) throws(BlockError) in
      guard let cluster = spare.take() else { return L1Entry(table: offset) }
      return try writeL2(bytes, to: cluster, file)
    }
  }

  /// As above, in the tables where they are.
  func setMarks(_ table: inout TableInMemory, inPlace node: Node) throws(BlockError) {
    let file = try file(of: node)
    // What they are to say comes first.
    try writeRefcounts(node)
    try barrier(node)
    try setMarks(&table, node) { (bytes: RawSpan, offset: UInt64) throws(BlockError) in
      l2Cache.drop(from: offset, bytes: geometry.clusterSize)
      try writeChanges(bytes, at: offset, file)
      return L1Entry(table: offset)
    }
  }

  /// Writes those sectors of a table that the file has otherwise: a full disk has no room for the others where they
  /// are holes.
  private func writeChanges(_ bytes: RawSpan, at offset: UInt64, _ file: Edge) throws(BlockError) {
    let present = try file.read(at: offset, count: bytes.byteCount)
    var position = 0
    while position < bytes.byteCount {
      let end = min(position + 512, bytes.byteCount)
      let sector = bytes.slice(position..<end)
      if !sector.equals(present.bytes.slice(position..<end)) {
        try file.write(at: offset + UInt64(position), from: sector)
      }
      position = end
    }
  }

  private func setMarks(
    _ table: inout TableInMemory, _ node: Node,
    write: (RawSpan, UInt64) throws(BlockError) -> L1Entry
  ) throws(BlockError) {
    let file = try file(of: node)
    var walk = TreeWalk(table.count, geometry, file)
    while let index = try walk.next(in: table, node, self) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let range = walk.run.range(of: offset, geometry.clusterSize)
      var target = buffer.mutableBytes
      var bytes = target.slice(range)
      var entry = L1Entry(table: offset)
      if try setMarks(&bytes, asSingle: true, node) { entry = try write(buffer.bytes.slice(range), offset) }
      var isSingle = entry.offset != offset
      if !isSingle { isSingle = try refcount(of: offset >> geometry.clusterBits, node) == 1 }
      let new = isSingle ? entry.rawValue : entry.rawValue & ~L2Entry.copiedBit
      if table[index] != new { table[index] = new }
    }
  }

  /// Tells the storage which clusters of a tree that was counted down are free now, where it is to hear of it.
  func discardFreed(_ table: TableInMemory, _ node: Node) throws(BlockError) {
    guard passesDiscard(.snapshot, node) else { return }
    var walk = TreeWalk(table.count, geometry, try file(of: node))
    while let index = try walk.next(in: table, node, self) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      var run = offset >> geometry.clusterBits..<offset >> geometry.clusterBits + 1
      for entry in 0..<Int(geometry.l2Entries) {
        let entry = L2Entry(rawValue: bytes.big64(at: entry * geometry.l2EntryBytes))
        // Entries that are damaged were counted down as if they were not.
        guard entry.isCompressed || geometry.offsetInCluster(entry.offset) == 0,
          let clusters = try hostClusters(entry, node)
        else { continue }
        if run.upperBound == clusters.lowerBound {
          run = run.lowerBound..<clusters.upperBound
        } else {
          try discardFree(run, node)
          run = clusters
        }
      }
      try discardFree(run, node)
    }
  }

  private func discardFree(_ clusters: Range<UInt64>, _ node: Node) throws(BlockError) {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      if let free = try freeRun(from: position, limit: clusters.upperBound - position, node), free > 0 {
        discardHost(position..<position + UInt64(free), .snapshot, node)
        position += UInt64(free)
      } else {
        position += min(UInt64(try usedRun(from: position, node) ?? 1), clusters.upperBound - position)
      }
    }
  }

  // MARK: One table

  /// Writes an L2 table to a cluster of its own; the entry for it.
  private func writeL2(_ bytes: RawSpan, to cluster: UInt64, _ file: Edge) throws(BlockError) -> L1Entry {
    let offset = cluster << geometry.clusterBits
    l2Cache.drop(from: offset, bytes: geometry.clusterSize)
    metadataMap?.insert(cluster)
    try file.write(at: offset, from: bytes)
    requiredEnd = max(requiredEnd, offset + geometry.clusterSize)
    return L1Entry(table: offset)
  }

  /// Adds a reference to each cluster that an L2 table points to.
  private func addReferences(toDataOf bytes: RawSpan, _ node: Node) throws(BlockError) {
    var run: Range<UInt64>?
    for index in 0..<Int(geometry.l2Entries) {
      let entry = L2Entry(rawValue: bytes.big64(at: index * geometry.l2EntryBytes))
      guard let clusters = try hostClusters(entry, node) else { continue }
      if let known = run, known.upperBound == clusters.lowerBound {
        run = known.lowerBound..<clusters.upperBound
        continue
      }
      if let run { try addReferences(to: run, node) }
      run = clusters
    }
    if let run { try addReferences(to: run, node) }
  }

  /// The clusters that an entry refers to; nil where there are none.
  private func hostClusters(_ entry: L2Entry, _ node: Node) throws(BlockError) -> Range<UInt64>? {
    if entry.isCompressed {
      let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
      return clusters.lowerBound..<clusters.upperBound + 1
    }
    guard entry.offset != 0 else { return nil }
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      throw damage("Cluster allocation offset 0x\(hex(entry.offset)) unaligned", node)
    }
    let cluster = entry.offset >> geometry.clusterBits
    return cluster..<cluster + 1
  }

  /// Sets the marks of all entries: where `asSingle` those whose refcount is 1, else none. Whether any changed.
  private func setMarks(_ bytes: inout MutableRawSpan, asSingle: Bool, _ node: Node) throws(BlockError)
    -> Bool
  {
    var changed = false
    // Neighbours are counted in one slice as a rule: it is looked up once.
    var known: (start: UInt64, counts: Counts)?
    for index in 0..<Int(geometry.l2Entries) {
      let offset = index * geometry.l2EntryBytes
      let entry = L2Entry(rawValue: bytes.bytes.big64(at: offset))
      guard !entry.isCompressed, entry.offset != 0 else { continue }
      var wanted = false
      if asSingle {
        let cluster = entry.offset >> geometry.clusterBits
        if let (start, counts) = known, cluster >= start, cluster - start < UInt64(counts.remaining) {
          wanted = count(counts, plus: Int(cluster - start)) == 1
        } else if let counts = try counts(from: cluster, node) {
          known = (cluster, counts)
          wanted = count(counts, plus: 0) == 1
        }
      }
      guard entry.isCopied != wanted else { continue }
      bytes.storeBig(entry.rawValue ^ L2Entry.copiedBit, at: offset)
      changed = true
    }
    return changed
  }

  private func count(_ counts: Counts, plus step: Int) -> UInt64 {
    let buffer = counts.slice.buffer
    return RefcountBlock.count(buffer.bytes, at: counts.first + step, order: geometry.refcountOrder)
  }

  /// Adds one reference to each cluster.
  ///
  /// - Throws: `tooLarge` where the width of refcounts does not hold it.
  private func addReferences(to clusters: Range<UInt64>, _ node: Node) throws(BlockError) {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      guard let counts = try counts(from: position, node) else {
        throw BlockError(.corrupt, "no refcount block for cluster \(position)")
      }
      let run = min(counts.remaining, Int(clamping: clusters.upperBound - position))
      let buffer = counts.slice.buffer
      var bytes = buffer.mutableBytes
      for index in counts.first..<counts.first + run {
        let count = RefcountBlock.count(bytes.bytes, at: index, order: geometry.refcountOrder)
        guard count < geometry.refcountMaximum else {
          throw isFull(position + UInt64(index - counts.first), count)
        }
        RefcountBlock.set(count + 1, &bytes, at: index, order: geometry.refcountOrder)
      }
      markDirty(counts, run)
      position += UInt64(run)
    }
  }
}

/// Clusters for L2 tables that may be needed at a moment when nothing can be allocated.
struct SpareTables {
  private var runs: [Range<UInt64>] = []

  /// One for each L2 table that an L1 table points to.
  init(for table: TableInMemory, _ node: Node, _ driver: Qcow2Driver) throws(BlockError) {
    var wanted: UInt64 = 0
    for index in 0..<table.count where L1Entry(rawValue: table[index]).offset != 0 { wanted += 1 }
    while wanted > 0 {
      let found = try driver.allocate(wanted, for: "L2 table", node)
      runs.append(found)
      wanted -= UInt64(found.count)
    }
    runs.reverse()
  }

  /// The next one; nil where none is left.
  mutating func take() -> UInt64? {
    guard let run = runs.last else { return nil }
    if run.count > 1 { runs[runs.count - 1] = run.lowerBound + 1..<run.upperBound } else { runs.removeLast() }
    return run.lowerBound
  }

  /// Gives those back that were not needed.
  func giveBack(_ node: Node, _ driver: Qcow2Driver) throws(BlockError) {
    for run in runs { try driver.dropReferences(run, .later, node) }
  }
}
