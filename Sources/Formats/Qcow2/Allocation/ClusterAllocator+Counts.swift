// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Refcounts in memory. The lock is not let go while they are read.
extension ClusterAllocator {
  /// Part of a refcount block: the counts of neighbouring clusters.
  struct Counts {
    var slice: TableCache.Slice
    /// The index in the slice of the first one's count.
    var first: Int
    /// Counts from there to the end of the slice.
    var remaining: Int
  }

  /// The counts from a cluster on, or nil where no block counts it.
  func counts(from cluster: UInt64, _ held: borrowing Held) throws(BlockError) -> Counts? {
    let tableIndex = refcounts.tableIndex(of: cluster)
    guard tableIndex < UInt64(refcounts.table.count) else { return nil }
    let block = RefcountTableEntry(rawValue: refcounts.table[Int(tableIndex)]).offset
    guard block != 0 else { return nil }
    guard geometry.offsetInCluster(block) == 0 else {
      throw header.damage(
        "Refblock offset 0x\(hex(block)) unaligned (reftable index: \(prefixedHex(tableIndex)))", held)
    }
    guard block <= Qcow2Limits.hostOffset else {
      throw header.damage(
        "Refblock offset 0x\(hex(block)) too large (reftable index: \(prefixedHex(tableIndex)))", held)
    }
    return try counts(of: cluster, inBlockAt: block, held)
  }

  /// The counts from a cluster on in the block at a host offset, which need not be in the table yet.
  ///
  /// Room for them may be made by writing all counts and the table, which therefore have to be complete in themselves.
  func counts(of cluster: UInt64, inBlockAt block: UInt64, _ held: borrowing Held) throws(BlockError)
    -> Counts
  {
    let index = Int(cluster & (geometry.refcountBlockEntries - 1))
    let perSlice = refcounts.countsPerSlice
    let offset = block + UInt64(index / perSlice * refcounts.cache.sliceBytes)
    let first = index % perSlice
    files.note(.refblockAlloc, held)
    if let slice = refcounts.cache.cached(at: offset, held) {
      return Counts(slice: slice, first: first, remaining: perSlice - first)
    }
    let file = try files.file(held)
    files.note(.refblockLoad, held)
    let slice = try refcounts.cache.slice(at: offset, from: file, releasing: false, held) {
      () throws(BlockError) in
      // Counts depend on nothing: they go up before what is counted gets anywhere, and down after.
      try self.write(held)
    }
    return Counts(slice: slice, first: first, remaining: perSlice - first)
  }

  /// The refcount of a host cluster.
  func count(of cluster: UInt64, _ held: borrowing Held) throws(BlockError) -> UInt64 {
    guard let counts = try counts(from: cluster, held) else { return 0 }
    let buffer = counts.slice.buffer
    return RefcountBlock.count(buffer.bytes, at: counts.first, order: geometry.refcountOrder)
  }

  /// How many clusters from `cluster` on, up to `limit`, are free, as far as one slice tells; nil without a block.
  func freeRun(from cluster: UInt64, limit: UInt64, _ held: borrowing Held) throws(BlockError) -> Int? {
    guard let counts = try counts(from: cluster, held) else { return nil }
    let buffer = counts.slice.buffer
    let bytes = buffer.bytes
    let end = min(counts.remaining, Int(clamping: limit))
    var run = 0
    while run < end, RefcountBlock.count(bytes, at: counts.first + run, order: geometry.refcountOrder) == 0 {
      run += 1
    }
    return run
  }

  /// How many clusters from `cluster` on are in use, as far as one slice tells; nil without a block.
  func usedRun(from cluster: UInt64, _ held: borrowing Held) throws(BlockError) -> Int? {
    guard let counts = try counts(from: cluster, held) else { return nil }
    let buffer = counts.slice.buffer
    let bytes = buffer.bytes
    var run = 0
    while run < counts.remaining,
      RefcountBlock.count(bytes, at: counts.first + run, order: geometry.refcountOrder) != 0
    {
      run += 1
    }
    return run
  }

  /// Gives free clusters that have a block their first reference: all of them or none.
  func takeFree(_ clusters: Range<UInt64>, _ held: borrowing Held) throws(BlockError) {
    var position = clusters.lowerBound
    do throws(BlockError) {
      while position < clusters.upperBound {
        guard let counts = try counts(from: position, held) else {
          throw BlockError(.corrupt, "no refcount block for cluster \(position)")
        }
        let run = min(counts.remaining, Int(clusters.upperBound - position))
        set(counts, to: 1, run, held)
        position += UInt64(run)
      }
    } catch {
      try? free(clusters.lowerBound..<position, .later, held)
      throw error
    }
  }

  /// Sets the first `run` of the counts.
  func set(_ counts: Counts, to value: UInt64, _ run: Int, _ held: borrowing Held) {
    let buffer = counts.slice.buffer
    var bytes = buffer.mutableBytes
    for index in counts.first..<counts.first + run {
      RefcountBlock.set(value, &bytes, at: index, order: geometry.refcountOrder)
    }
    markDirty(counts, run, held)
  }

  /// Adds references to a cluster.
  ///
  /// - Throws: `tooLarge` where the width of refcounts does not hold it.
  func addReferences(_ added: UInt64 = 1, to cluster: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let counts = try counts(from: cluster, held) else {
      throw BlockError(.corrupt, "no refcount block for cluster \(cluster)")
    }
    let buffer = counts.slice.buffer
    var bytes = buffer.mutableBytes
    let count = RefcountBlock.count(bytes.bytes, at: counts.first, order: geometry.refcountOrder)
    guard added <= geometry.refcountMaximum - count else {
      throw BlockError(.tooLarge, "refcount of cluster \(cluster) is at its maximum")
    }
    RefcountBlock.set(count + added, &bytes, at: counts.first, order: geometry.refcountOrder)
    markDirty(counts, 1, held)
  }

  /// Adds one reference to each cluster.
  ///
  /// - Throws: `tooLarge` where the width of refcounts does not hold it.
  func addReferences(to clusters: Range<UInt64>, _ held: borrowing Held) throws(BlockError) {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      guard let counts = try counts(from: position, held) else {
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
      markDirty(counts, run, held)
      position += UInt64(run)
    }
  }

  /// That a cluster has as many references as its count can hold.
  func isFull(_ cluster: UInt64, _ count: UInt64) -> BlockError {
    BlockError(
      .tooLarge,
      "cluster \(cluster) cannot have more than \(count) references (refcount_bits=\(geometry.refcountBits))")
  }

  /// Takes a reference from each cluster; where none is left the space is free at once.
  ///
  /// A count that is 0 already stays so: then the image was wrong before, and `check` will say so.
  func free(
    _ clusters: Range<UInt64>, _ reason: PendingFrees.Reason, _ held: borrowing Held
  ) throws(BlockError) {
    var rest = clusters
    try free(&rest, reason, held)
  }

  /// As above; takes those clusters out of the range that are done, which a failure leaves the others in.
  func free(
    _ clusters: inout Range<UInt64>, _ reason: PendingFrees.Reason, count dropped: UInt64 = 1,
    _ held: borrowing Held
  ) throws(BlockError) {
    files.note(.clusterFree, held)
    while let position = clusters.first {
      guard let counts = try counts(from: position, held) else {
        let next = (refcounts.tableIndex(of: position) + 1) << geometry.refcountBlockBits
        clusters = min(next, clusters.upperBound)..<clusters.upperBound
        continue
      }
      let run = min(counts.remaining, Int(clamping: clusters.upperBound - position))
      var freed: Range<UInt64>?
      let buffer = counts.slice.buffer
      var bytes = buffer.mutableBytes
      for step in 0..<run {
        let index = counts.first + step
        let count = RefcountBlock.count(bytes.bytes, at: index, order: geometry.refcountOrder)
        guard count > 0 else { continue }
        RefcountBlock.set(
          count - min(count, dropped), &bytes, at: index, order: geometry.refcountOrder)
        if count <= dropped { noteFree(position + UInt64(step), &freed, reason, held) }
      }
      if let freed { discardHost(freed, reason, held) }
      markDirty(counts, run, held)
      clusters = position + UInt64(run)..<clusters.upperBound
    }
  }

  private func noteFree(
    _ cluster: UInt64, _ run: inout Range<UInt64>?, _ reason: PendingFrees.Reason, _ held: borrowing Held
  ) {
    refcounts.noteFree(cluster)
    // Nothing compressed is left there that another compressed cluster could follow.
    if packedEnd >> geometry.clusterBits == cluster { forgetPacked() }
    if let known = run, known.upperBound == cluster {
      run = known.lowerBound..<cluster + 1
    } else {
      if let known = run { discardHost(known, reason, held) }
      run = cluster..<cluster + 1
    }
  }

  func markDirty(_ counts: Counts, _ run: Int, _ held: borrowing Held) {
    let order = Int(geometry.refcountOrder)
    let start = (counts.first << order) / 8
    let end = ((counts.first + run) << order + 7) / 8
    refcounts.cache.markDirty(counts.slice, start..<max(end, start + 1), held)
  }

  /// Whether the storage hears of space that is free for a reason.
  func passesDiscard(_ reason: PendingFrees.Reason, _ held: borrowing Held) -> Bool {
    switch reason {
    case .request: options.passDiscardRequest ?? held.node.flags.contains(.unmap)
    case .cut, .failedWrite: true
    case .snapshot: options.passDiscardSnapshot
    case .other: options.passDiscardOther
    case .later: false
    }
  }

  /// Tells the storage that clusters are free, where the options say so.
  func discardHost(_ clusters: Range<UInt64>, _ reason: PendingFrees.Reason, _ held: borrowing Held) {
    guard passesDiscard(reason, held), let file = held.node.file else { return }
    let offset = clusters.lowerBound << geometry.clusterBits
    // The space is free whether or not the storage wants to know.
    try? file.discard(at: offset, length: UInt64(clusters.count) << geometry.clusterBits)
  }
}
