// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Counting the references of a whole tree of tables up or down. The monitor is held.
///
/// L2 tables are read in large runs, straight from the file, and each only once; refcounts go through their cache.
extension Qcow2Driver {
  /// What happens to each reference of a tree.
  enum TreeChange {
    /// One reference more; marks for "refcount is 1" go.
    case raise
    /// One reference less.
    case lower
    /// No change; marks become what refcounts say.
    case mark
  }

  /// Changes the references of all that an L1 table points to: L2 tables and what those point to.
  ///
  /// With `raise` and `mark`, changed L2 tables are written; marks in `table` itself are the caller's to write.
  /// When raising fails, what was raised is lowered again.
  func change(_ change: TreeChange, _ table: inout TableInMemory, _ node: Node) throws(BlockError) {
    var walk = TreeWalk(table.count, geometry, try file(of: node))
    while let index = try walk.next(in: table, node, self) {
      do throws(BlockError) {
        try changeTable(change, &table, index, walk, node)
      } catch {
        if change == .raise { try? takeBack(&table, before: index, node) }
        throw error
      }
      if pendingFrees.isFull { try applyPendingFrees(node) }
    }
    try applyPendingFrees(node)
  }

  /// The same for the active tables.
  func changeActive(_ change: TreeChange, _ node: Node) throws(BlockError) {
    // Caches that have to make room look at the table meanwhile.
    var table = l1
    defer { l1 = table }
    try self.change(change, &table, node)
  }

  /// Lowers what was raised, and sets marks again.
  private func takeBack(_ table: inout TableInMemory, before end: Int, _ node: Node) throws(BlockError) {
    for step in [TreeChange.lower, .mark] {
      // The table at which raising failed may have lost marks.
      let end = step == .mark ? end + 1 : end
      var walk = TreeWalk(end, geometry, try file(of: node))
      while let index = try walk.next(in: table, node, self) {
        try changeTable(step, &table, index, walk, node)
      }
      try applyPendingFrees(node)
      if step == .lower {
        try writeRefcounts(node)
        try barrier(node)
      }
    }
  }

  private func changeTable(
    _ change: TreeChange, _ table: inout TableInMemory, _ index: Int, _ walk: TreeWalk, _ node: Node
  ) throws(BlockError) {
    let offset = L1Entry(rawValue: table[index]).offset
    let cluster = offset >> geometry.clusterBits
    let buffer = walk.run.buffer
    let range = walk.run.range(of: offset, geometry.clusterSize)
    switch change {
    case .raise:
      try raise(buffer.bytes.slice(range), cluster, node)
      table[index] &= ~L2Entry.copiedBit
    case .lower:
      return noteTree(buffer.bytes.slice(range), cluster)
    case .mark:
      let isSingle = try refcount(of: cluster, node) == 1
      table[index] = isSingle ? table[index] | L2Entry.copiedBit : table[index] & ~L2Entry.copiedBit
    }
    var target = buffer.mutableBytes
    var bytes = target.slice(range)
    guard try mark(&bytes, asSingle: change == .mark, node) else { return }
    do throws(BlockError) {
      try file(of: node).write(at: offset, from: buffer.bytes.slice(range))
    } catch {
      if change == .raise { noteTree(buffer.bytes.slice(range), cluster) }
      throw error
    }
  }

  /// Notes that an L2 table and each cluster it points to have one reference less.
  private func noteTree(_ bytes: RawSpan, _ table: UInt64) {
    for entry in 0..<Int(geometry.l2Entries) {
      noteFree(L2Entry(rawValue: bytes.big64(at: entry * geometry.l2EntryBytes)), .other)
    }
    pendingFrees.add(table..<table + 1, .other)
  }

  // MARK: One table

  /// Adds a reference to an L2 table and to each cluster it points to: to all of them or to none.
  private func raise(_ bytes: RawSpan, _ table: UInt64, _ node: Node) throws(BlockError) {
    var done: [Range<UInt64>] = []
    do throws(BlockError) {
      try addReferences(to: table..<table + 1, node)
      done.append(table..<table + 1)
      var run: Range<UInt64>?
      for index in 0..<Int(geometry.l2Entries) {
        let entry = L2Entry(rawValue: bytes.big64(at: index * geometry.l2EntryBytes))
        guard let clusters = try hostClusters(entry, node) else { continue }
        if let known = run, known.upperBound == clusters.lowerBound {
          run = known.lowerBound..<clusters.upperBound
          continue
        }
        if let known = run {
          try addReferences(to: known, node)
          done.append(known)
        }
        run = clusters
      }
      if let run { try addReferences(to: run, node) }
    } catch {
      for clusters in done { try? dropReferences(clusters, .other, node) }
      throw error
    }
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
  private func mark(_ bytes: inout MutableRawSpan, asSingle: Bool, _ node: Node) throws(BlockError) -> Bool {
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

  /// Adds one reference to each cluster: to all of them or to none.
  ///
  /// - Throws: `tooLarge` where the width of refcounts does not hold it.
  func addReferences(to clusters: Range<UInt64>, _ node: Node) throws(BlockError) {
    var position = clusters.lowerBound
    do throws(BlockError) {
      while position < clusters.upperBound {
        guard let counts = try counts(from: position, node) else {
          throw BlockError(.corrupt, "no refcount block for cluster \(position)")
        }
        let run = min(counts.remaining, Int(clamping: clusters.upperBound - position))
        let buffer = counts.slice.buffer
        var bytes = buffer.mutableBytes
        for step in 0..<run {
          let index = counts.first + step
          let count = RefcountBlock.count(bytes.bytes, at: index, order: geometry.refcountOrder)
          guard count < geometry.refcountMaximum else {
            markDirty(counts, max(step, 1))
            position += UInt64(step)
            throw BlockError(
              .tooLarge,
              "cluster \(position) cannot have more than \(count) references (refcount_bits=\(geometry.refcountBits))"
            )
          }
          RefcountBlock.set(count + 1, &bytes, at: index, order: geometry.refcountOrder)
        }
        markDirty(counts, run)
        position += UInt64(run)
      }
    } catch {
      try? dropReferences(clusters.lowerBound..<position, .other, node)
      throw error
    }
  }
}

/// A walk over the L2 tables of an L1 table.
struct TreeWalk {
  let run: TableRun
  private let geometry: Geometry
  private let file: Edge
  private let end: Int
  private var position = 0
  /// Tables do not overlap in an image that is whole, so together they are no larger than the file.
  private var budget: UInt64

  init(_ end: Int, _ geometry: Geometry, _ file: Edge) {
    self.end = end
    self.geometry = geometry
    self.file = file
    run = TableRun(max(ImageCheck.readBytes, geometry.clusterSize))
    budget = file.length.plus(geometry.clusterSize) ?? .max
  }

  /// The index of the next L1 entry that has a table, which is then in memory.
  mutating func next(in table: TableInMemory, _ node: Node, _ driver: Qcow2Driver) throws(BlockError) -> Int?
  {
    position += table.emptyRun(from: position, to: end, mask: L1Entry.offsetMask)
    guard position < end else { return nil }
    let index = position
    let offset = L1Entry(rawValue: table[index]).offset
    guard geometry.offsetInCluster(offset) == 0 else {
      throw driver.damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", node)
    }
    guard budget >= geometry.clusterSize else {
      throw BlockError(.corrupt, "L2 tables overlap: together they are larger than the file")
    }
    budget -= geometry.clusterSize
    position += 1
    if !run.holds(offset, geometry.clusterSize) { try load(table, index, offset) }
    return index
  }

  private func load(_ table: TableInMemory, _ index: Int, _ offset: UInt64) throws(BlockError) {
    var wanted = geometry.clusterSize
    var next = index + 1
    while next < end, wanted < run.capacity, L1Entry(rawValue: table[next]).offset == offset + wanted {
      wanted += geometry.clusterSize
      next += 1
    }
    if let reason = run.load(offset, wanted, from: file) { throw BlockError(.inputOutput, reason) }
  }
}
