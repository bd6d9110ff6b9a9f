// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Changing the references of a whole tree of tables, during an exchange of tables.
///
/// L2 tables are read in large runs, straight from the file, and each only once; refcounts go through their cache.
/// No L2 table is changed where it is: another state of the disk that still has it must find it as it was.
extension SnapshotStore {
  /// Refuses a tree that has clusters with as many references as a narrow refcount holds, before anything is written.
  ///
  /// Wide ones are full where clusters have been compressed or tables damaged beyond all custom; that is found later.
  func refuseFullCounts(_ table: TableInMemory, _ held: borrowing Held) throws(BlockError) {
    guard geometry.refcountOrder < 4 else { return }
    var walk = TreeWalk(table.count, geometry, try files.file(held))
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      var entries = L2Walk(geometry)
      while let (_, entry) = entries.next(in: bytes) {
        for cluster in try hostClusters(entry, held) ?? 0..<0 {
          let count = try allocator.count(of: cluster, held)
          if count >= geometry.refcountMaximum { throw allocator.isFull(cluster, count) }
        }
      }
    }
  }

  /// Adds a reference to each cluster that a tree has, for a second tree with the same content, which `table` becomes.
  ///
  /// Marks for "refcount is 1" are in none of the second tree's tables. L2 tables that have some are copied; the
  /// others belong to both trees from now on. With `inPlace` all do: no other has use for the marks of a snapshot's.
  func share(_ table: inout TableInMemory, inPlace: Bool = false, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    var walk = TreeWalk(table.count, geometry, file)
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let range = walk.run.range(of: offset, geometry.clusterSize)
      try addReferences(toDataOf: buffer.bytes.slice(range), held)
      var target = buffer.mutableBytes
      var bytes = target.slice(range)
      let hasMarks = try setMarks(&bytes, asSingle: false, held)
      if hasMarks, inPlace { try writeChanges(buffer.bytes.slice(range), at: offset, file) }
      if hasMarks, !inPlace {
        let cluster = try allocator.take(1, for: "L2 table", held).lowerBound
        table[index] = try writeL2(buffer.bytes.slice(range), to: cluster, file, held).rawValue
      } else {
        try allocator.addReferences(
          to: offset >> geometry.clusterBits..<offset >> geometry.clusterBits + 1, held)
        table[index] &= ~L2Entry.copiedBit
      }
    }
  }

  /// Takes all marks for "refcount is 1" out of a tree, in the tables where they are; the L1 table is still to be written.
  func clearMarks(_ table: inout TableInMemory, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    var walk = TreeWalk(table.count, geometry, file)
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let range = walk.run.range(of: offset, geometry.clusterSize)
      let buffer = walk.run.buffer
      var target = buffer.mutableBytes
      var bytes = target.slice(range)
      if try setMarks(&bytes, asSingle: false, held) {
        try writeChanges(buffer.bytes.slice(range), at: offset, file)
      }
      if table[index] & L2Entry.copiedBit != 0 { table[index] &= ~L2Entry.copiedBit }
    }
  }

  /// Takes a reference away from everything that an L1 table points to: L2 tables and what those point to.
  func countDown(_ table: TableInMemory, _ reason: PendingFrees.Reason, _ held: borrowing Held)
    throws(BlockError)
  {
    var walk = TreeWalk(table.count, geometry, try files.file(held))
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      var entries = L2Walk(geometry)
      while let (_, entry) = entries.next(in: bytes) { mapping.freeLater(entry, reason) }
      let cluster = offset >> geometry.clusterBits
      allocator.freeLater(cluster..<cluster + 1, reason)
      if allocator.hasManyFrees { try allocator.applyFrees(held) }
    }
    try allocator.applyFrees(held)
  }

  /// Lets marks say what refcounts do. L2 tables in which some change are copied to `spare` clusters.
  func setMarks(_ table: inout TableInMemory, _ spare: inout SpareTables, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try files.file(held)
    try setMarks(&table, held) { (bytes: RawSpan, offset: UInt64) throws(BlockError) in
      guard let cluster = spare.take() else { return L1Entry(table: offset) }
      return try writeL2(bytes, to: cluster, file, held)
    }
  }

  /// As above, in the tables where they are.
  func setMarks(_ table: inout TableInMemory, inPlace held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    // The refcounts, which marks repeat, come first.
    try allocator.write(held)
    try files.barrier(held)
    try setMarks(&table, held) { (bytes: RawSpan, offset: UInt64) throws(BlockError) in
      mapping.forgetTable(at: offset, held)
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
    _ table: inout TableInMemory, _ held: borrowing Held,
    write: (RawSpan, UInt64) throws(BlockError) -> L1Entry
  ) throws(BlockError) {
    let file = try files.file(held)
    var walk = TreeWalk(table.count, geometry, file)
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let range = walk.run.range(of: offset, geometry.clusterSize)
      var target = buffer.mutableBytes
      var bytes = target.slice(range)
      var entry = L1Entry(table: offset)
      if try setMarks(&bytes, asSingle: true, held) { entry = try write(buffer.bytes.slice(range), offset) }
      var isSingle = entry.offset != offset
      if !isSingle { isSingle = try allocator.count(of: offset >> geometry.clusterBits, held) == 1 }
      let new = isSingle ? entry.rawValue : entry.rawValue & ~L2Entry.copiedBit
      if table[index] != new { table[index] = new }
    }
  }

  /// Tells the storage which clusters of a tree that was counted down are free now, where it is to hear of it.
  func discardFreed(_ table: TableInMemory, _ held: borrowing Held) throws(BlockError) {
    guard allocator.passesDiscard(.snapshot, held) else { return }
    var walk = TreeWalk(table.count, geometry, try files.file(held))
    while let index = try walk.next(in: table, header, held) {
      let offset = L1Entry(rawValue: table[index]).offset
      let buffer = walk.run.buffer
      let bytes = buffer.bytes.slice(walk.run.range(of: offset, geometry.clusterSize))
      var run = offset >> geometry.clusterBits..<offset >> geometry.clusterBits + 1
      var entries = L2Walk(geometry)
      while let (_, entry) = entries.next(in: bytes) {
        // Entries that are damaged were counted down as if they were not.
        guard entry.isCompressed || geometry.offsetInCluster(entry.offset) == 0,
          let clusters = try hostClusters(entry, held)
        else { continue }
        if run.upperBound == clusters.lowerBound {
          run = run.lowerBound..<clusters.upperBound
        } else {
          try discardFree(run, held)
          run = clusters
        }
      }
      try discardFree(run, held)
    }
  }

  private func discardFree(_ clusters: Range<UInt64>, _ held: borrowing Held) throws(BlockError) {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      if let free = try allocator.freeRun(from: position, limit: clusters.upperBound - position, held),
        free > 0
      {
        allocator.discardHost(position..<position + UInt64(free), .snapshot, held)
        position += UInt64(free)
      } else {
        position += min(
          UInt64(try allocator.usedRun(from: position, held) ?? 1), clusters.upperBound - position)
      }
    }
  }

  // MARK: One table

  /// Writes an L2 table to a cluster of its own; the entry for it.
  private func writeL2(_ bytes: RawSpan, to cluster: UInt64, _ file: Edge, _ held: borrowing Held)
    throws(BlockError) -> L1Entry
  {
    let offset = cluster << geometry.clusterBits
    mapping.forgetTable(at: offset, held)
    guardian.note(cluster)
    try file.write(at: offset, from: bytes)
    files.require(offset + geometry.clusterSize)
    return L1Entry(table: offset)
  }

  /// Adds a reference to each cluster that an L2 table points to.
  private func addReferences(toDataOf bytes: RawSpan, _ held: borrowing Held) throws(BlockError) {
    var run: Range<UInt64>?
    var entries = L2Walk(geometry)
    while let (_, entry) = entries.next(in: bytes) {
      guard let clusters = try hostClusters(entry, held) else { continue }
      if let known = run, known.upperBound == clusters.lowerBound {
        run = known.lowerBound..<clusters.upperBound
        continue
      }
      if let run { try allocator.addReferences(to: run, held) }
      run = clusters
    }
    if let run { try allocator.addReferences(to: run, held) }
  }

  /// The clusters that an entry refers to; nil where there are none.
  private func hostClusters(_ entry: L2Entry, _ held: borrowing Held) throws(BlockError) -> Range<UInt64>? {
    if entry.isCompressed {
      let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
      return clusters.lowerBound..<clusters.upperBound + 1
    }
    guard entry.offset != 0 else { return nil }
    guard geometry.offsetInCluster(entry.offset) == 0 else {
      throw header.damage("Cluster allocation offset 0x\(hex(entry.offset)) unaligned", held)
    }
    let cluster = entry.offset >> geometry.clusterBits
    return cluster..<cluster + 1
  }

  /// Sets the marks of all entries: where `asSingle` those whose refcount is 1, else none. Whether any changed.
  private func setMarks(_ bytes: inout MutableRawSpan, asSingle: Bool, _ held: borrowing Held)
    throws(BlockError)
    -> Bool
  {
    var changed = false
    // Neighbours are counted in one slice as a rule: it is looked up once.
    var known: (start: UInt64, counts: ClusterAllocator.Counts)?
    var entries = L2Walk(geometry)
    while let (offset, entry) = entries.next(in: bytes.bytes) {
      guard !entry.isCompressed, entry.offset != 0 else { continue }
      var wanted = false
      if asSingle {
        let cluster = entry.offset >> geometry.clusterBits
        if let (start, counts) = known, cluster >= start, cluster - start < UInt64(counts.remaining) {
          wanted = count(counts, plus: Int(cluster - start)) == 1
        } else if let counts = try allocator.counts(from: cluster, held) {
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

  private func count(_ counts: ClusterAllocator.Counts, plus step: Int) -> UInt64 {
    let buffer = counts.slice.buffer
    return RefcountBlock.count(buffer.bytes, at: counts.first + step, order: geometry.refcountOrder)
  }
}

/// Clusters for L2 tables that may be needed at a moment when nothing can be allocated.
struct SpareTables {
  private var runs: [Range<UInt64>] = []

  /// One for each L2 table that an L1 table points to.
  init(for table: TableInMemory, _ held: borrowing Held, _ allocator: ClusterAllocator) throws(BlockError) {
    var wanted: UInt64 = 0
    for index in 0..<table.count where L1Entry(rawValue: table[index]).offset != 0 { wanted += 1 }
    while wanted > 0 {
      let found = try allocator.take(wanted, for: "L2 table", held)
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
  func giveBack(_ held: borrowing Held, _ allocator: ClusterAllocator) throws(BlockError) {
    for run in runs { try allocator.free(run, .later, held) }
  }
}
