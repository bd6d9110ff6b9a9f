// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Bringing tables into the file. The order is what makes a crash leave leaks at worst:
///
/// 1. guest data, written by whoever asked for a place;
/// 2. refcount blocks, then the refcount table that points to them;
/// 3. L2 tables, which point to data;
/// 4. the L1 table, which points to L2 tables;
/// 5. only then are references that the tables no longer hold counted down.
///
/// Between any two of these that have something to write, everything so far is made durable.
extension Qcow2Driver {
  /// Makes what was written so far durable before what follows, unless the user does not care.
  func barrier(_ node: Node) throws(BlockError) {
    guard !node.flags.contains(.noFlush) else { return }
    if hasDataFile { try dataFile(of: node).flush() }
    try file(of: node).flush()
  }

  /// Whether the file lacks anything that tables in memory hold.
  var isDirty: Bool { l2Cache.isDirty || l1.isDirty || refcounts.isDirty }

  /// Writes all tables that changed, in order. The monitor is held throughout.
  func writeBack(_ node: Node) throws(BlockError) {
    try refuseBroken()
    let file = try file(of: node)
    // With the dirty bit set, refcounts are made anew after a crash: they need not be in the file before.
    if !hasDirtyBit { try writeRefcounts(node) }
    guard l2Cache.isDirty || l1.isDirty else { return }
    if l1.isDirty { try extendFile(to: emptyTablesEnd, node) }
    try barrier(node)
    if l2Cache.isDirty {
      try l2Cache.writeDirty(to: file, checking: checkWrite(.activeL2, node))
      if l1.isDirty { try barrier(node) }
    }
    try l1.write(to: file)
  }

  /// Writes refcount blocks and the refcount table.
  func writeRefcounts(_ node: Node) throws(BlockError) {
    let file = try file(of: node)
    try refcounts.cache.writeDirty(to: file, checking: checkWrite(.refcountBlock, node))
    guard refcounts.table.isDirty else { return }
    // Blocks may have been written by an earlier attempt that got no further.
    try extendFile(to: emptyTablesEnd, node)
    try barrier(node)
    try refcounts.table.write(to: file)
  }

  /// Makes the file reach the end of a table before anything points there. What it lacks of the table is zeros.
  ///
  /// Others may be writing further on, so that a length cannot be set.
  ///
  /// - Returns: whether the file was shorter.
  @discardableResult
  func extendFile(to tableEnd: UInt64, _ node: Node) throws(BlockError) -> Bool {
    let file = try file(of: node)
    guard file.length < tableEnd else { return false }
    let lastEntry = Buffer(count: L1Entry.size)
    try file.write(at: tableEnd - UInt64(lastEntry.count), from: lastEntry.bytes)
    return true
  }

  /// Counts references down that no table in the file holds any more.
  ///
  /// All tables have to be in the file.
  func applyPendingFrees(_ node: Node) throws(BlockError) {
    while var entry = pendingFrees.takeFirst() {
      do throws(BlockError) {
        try dropReferences(&entry.clusters, entry.reason, count: entry.count, node)
      } catch {
        // The rest is for the next time.
        pendingFrees.putBack(entry)
        throw error
      }
    }
  }

  /// Keeps the list of pending frees short. Tables in memory must be complete in themselves.
  func workOffFrees(_ node: Node) throws(BlockError) {
    guard pendingFrees.isFull else { return }
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
  }

  /// Makes everything written so far durable, tables included.
  func flush(_ node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    if isDirty { try writeBack(node) }
    try barrier(node)
    try applyPendingFrees(node)
  }

  /// Writes what is held back and takes the dirty bit away.
  func close(_ node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard !isBroken, isPrepared else { return }
    try leaveWhole(node)
  }

  /// Leaves a whole image in the file, as if nobody had it open. The next change prepares it anew.
  func leaveWhole(_ node: Node) throws(BlockError) {
    try writeBack(node)
    if !pendingFrees.isEmpty {
      try barrier(node)
      try applyPendingFrees(node)
    }
    // Bitmaps that cannot be stored stay marked as in use; the image is to be left whole all the same.
    var lostBitmaps: BlockError?
    do throws(BlockError) { try storeBitmaps(node) } catch { lostBitmaps = error }
    try writeRefcounts(node)
    try padFile(node)
    if hasDirtyBit {
      try barrier(node)
      header.incompatible.remove(.dirty)
      try writeFeatures(node)
      hasDirtyBit = false
    }
    isPrepared = false
    if let lostBitmaps { throw lostBitmaps.prefixed("Could not store bitmaps") }
  }

  /// Tables and the last sector of compressed clusters are read whole, so the file must hold all of them.
  private func padFile(_ node: Node) throws(BlockError) {
    let file = try file(of: node)
    if file.length < requiredEnd { try file.truncate(to: requiredEnd) }
  }

  /// What has to be true before the first change: unknown features gone, refcounts right, the dirty bit set
  /// where refcounts will be written late.
  func prepareForChanges(_ node: Node) throws(BlockError) {
    try refuseBroken()
    guard !isPrepared else { return }
    guard node.isWritable, !servesSnapshot else {
      throw BlockError(.readOnly, "node '\(node.name)' is read-only")
    }
    try refuseRepeatedBlocks(node)
    guard header.version >= 3 else {
      isPrepared = true
      return try separateL1(node)
    }
    let before = header
    let wasDirty = header.incompatible.contains(.dirty)
    if wasDirty {
      try rebuildRefcounts(node)
      try correctMarks(node)
    }
    header.autoclear.formIntersection(bitmaps.directory == nil ? .kept : .kept.union(.bitmaps))
    let isLazy = options.lazyRefcounts ?? header.compatible.contains(.lazyRefcounts)
    if isLazy {
      header.incompatible.insert(.dirty)
      hasDirtyBit = true
    } else {
      header.incompatible.remove(.dirty)
    }
    if header != before {
      do throws(BlockError) {
        if wasDirty { try barrier(node) }
        try writeFeatures(node)
        try barrier(node)
      } catch {
        header = before
        hasDirtyBit = false
        throw error
      }
    }
    isPrepared = true
    try separateL1(node)
    try dropStaleBitmaps(node)
  }
}
