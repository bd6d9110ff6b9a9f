// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors
internal import Host
internal import Options

/// An open qcow2 image: the objects that it is made of, each of which has its own state. Here they meet the contract of
/// drivers.
///
/// The lock guards everything that changes; it is held for looking at tables in memory and let go while
/// slices of L2 tables are read and while guest data moves.
final class Qcow2Driver: @unchecked Sendable {
  /// Whether the data file is a raw image by itself: guest offsets are its offsets, zeros are written out.
  let isDataRaw: Bool
  let lock = ConditionLock()
  let header: HeaderStore
  let files: FileSpace
  let allocator: ClusterAllocator
  let mapping: MappingTables
  let writer: ClusterWriter
  let snapshots: SnapshotStore
  let bitmaps: BitmapStore
  /// Changes only when the node is reopened, which is drained then.
  private(set) var options: Qcow2Options
  /// How the image is to be open, while it is being reopened.
  private var reopening: Reopening?
  /// Whether what has to happen before the first change has happened. Guarded by the lock.
  private var isPrepared = false

  init(
    header: Header, options: Qcow2Options, l1: TableInMemory, length: UInt64, refcountTable: TableInMemory,
    l2SliceBytes: Int, snapshots: [SnapshotEntry], bitmaps: BitmapStore.State
  ) {
    let hasDataFile = header.incompatible.contains(.dataFile)
    let geometry = header.geometry
    isDataRaw = hasDataFile && header.autoclear.contains(.rawDataFile)
    files = FileSpace(dataSlot: hasDataFile ? .dataFile : .file, clusterSize: geometry.clusterSize)
    self.options = options
    self.header = HeaderStore(header, servesSnapshot: options.snapshot != nil, files)
    let guardian = OverlapGuard(options.overlapChecks, self.header)
    allocator = ClusterAllocator(refcountTable, options, self.header, guardian)
    mapping = MappingTables(
      l1, length: length, options, sliceBytes: l2SliceBytes, allocator, ClusterCodec(self.header),
      ClaimedWrites(geometry))
    writer = ClusterWriter(mapping)
    self.snapshots = SnapshotStore(snapshots, mapping)
    self.bitmaps = BitmapStore(bitmaps, mapping)
    guardian.watch(mapping, allocator, self.snapshots, self.bitmaps)
  }

  var guardian: OverlapGuard { allocator.guardian }
  var codec: ClusterCodec { mapping.codec }
  var claims: ClaimedWrites { mapping.claims }

  // MARK: Changes

  /// Prepares the image for its first change: unknown features go, refcounts become right, and the dirty bit is set
  /// where refcounts will be written late.
  func prepareForChanges(_ held: borrowing Held) throws(BlockError) {
    try header.refuseBroken()
    guard !isPrepared else { return }
    guard held.node.isWritable, !header.servesSnapshot else {
      throw BlockError(.readOnly, "node '\(held.node.name)' is read-only")
    }
    try allocator.refuseRepeatedBlocks(held)
    guard header.version >= 3 else {
      isPrepared = true
      return try snapshots.separateL1(held)
    }
    let wasDirty = header.current.incompatible.contains(.dirty)
    if wasDirty {
      try allocator.rebuild(held)
      try snapshots.correctMarks(held)
    }
    try header.prepare(
      late: options.lazyRefcounts ?? header.current.compatible.contains(.lazyRefcounts),
      keeping: bitmaps.directory == nil ? .kept : .kept.union(.bitmaps), recounted: wasDirty, held)
    isPrepared = true
    try snapshots.separateL1(held)
    try bitmaps.dropStale(held)
  }

  /// Leaves a whole image in the file, as if nobody had it open, where anything was changed. The next change prepares it
  /// anew.
  private func leaveWhole(_ held: borrowing Held) throws(BlockError) {
    guard !header.isBroken, isPrepared else { return }
    try mapping.writeBack(held)
    if allocator.hasFrees {
      try files.barrier(held)
      try allocator.applyFrees(held)
    }
    // Bitmaps that cannot be stored stay marked as in use; the image is to be left whole all the same.
    var lostBitmaps: BlockError?
    do throws(BlockError) { try bitmaps.store(held) } catch { lostBitmaps = error }
    try allocator.write(held)
    try files.pad(held)
    try header.endLateCounts(held)
    isPrepared = false
    if let lostBitmaps { throw lostBitmaps.prefixed("Could not store bitmaps") }
  }

  /// Makes everything written so far durable, tables included.
  func flush(_ node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      if mapping.isDirty { try mapping.writeBack(held) }
      try files.barrier(held)
      try allocator.applyFrees(held)
    }
  }

  /// Writes what is held back and takes the dirty bit away.
  func close(_ node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in try leaveWhole(held) }
  }

  // MARK: Reopening

  /// How the image is to be open.
  private struct Reopening {
    var options: Qcow2Options
    var l2SliceBytes: Int
  }

  /// Looks whether the image may be used so, and leaves it as closing would: the next change prepares it anew.
  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    var rest = options
    let options = try Qcow2Options(taking: &rest, cacheBytes: self.options.usualL2CacheBytes)
    try rest.refuseRest(of: name)
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try Qcow2Format.checkUse(header.current, options, flags)
      let sliceBytes = try options.sliceBytes(header.geometry)
      try leaveWhole(held)
      reopening = Reopening(options: options, l2SliceBytes: sliceBytes)
    }
  }

  func commitReopen(of node: Node) {
    lock.withLock {
      guard let reopening else { return }
      self.reopening = nil
      options = reopening.options
      // All that they hold is in the file, or lost with a broken image.
      makeCaches(allocator.refcounts.table, l2SliceBytes: reopening.l2SliceBytes)
    }
  }

  func abortReopen(of node: Node) { lock.withLock { reopening = nil } }

  func finishReopen(of node: Node) throws(BlockError) {
    try lock.withLock { () throws(BlockError) in
      try header.clearUnknownFeatures(try files.file(of: node), node.flags)
    }
  }

  private func makeCaches(_ table: TableInMemory, l2SliceBytes: Int) {
    mapping.makeCache(options, sliceBytes: l2SliceBytes)
    allocator.adopt(table, options)
    guardian.use(options.overlapChecks)
  }

  /// Reads header and tables once more.
  ///
  /// - Throws: what is wrong with them; kind `conflict` where another image stands there.
  func invalidateCache(_ node: Node) throws(BlockError) {
    try lock.withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try leaveWhole(held)
      let file = try files.file(held)
      let fresh = try Qcow2Format.readTables(try Qcow2Format.readHeader(file), file, options, node.flags)
      guard fresh.allocator.geometry == allocator.geometry, fresh.files.dataSlot == files.dataSlot,
        fresh.isDataRaw == isDataRaw, fresh.codec.compression == codec.compression,
        fresh.header.current.cryptMethod == header.current.cryptMethod
      else { throw BlockError(.conflict, "another image stands there now") }
      header.adopt(fresh.header.current)
      snapshots.use(fresh.snapshots.entries)
      bitmaps.adopt(fresh.bitmaps.state)
      mapping.use(fresh.mapping.l1)
      mapping.setLength(fresh.mapping.length)
      makeCaches(fresh.allocator.refcounts.table, l2SliceBytes: mapping.l2Cache.sliceBytes)
      codec.forget()
      allocator.forget()
      files.restore(FileSpace.Ends())
      isPrepared = false
    }
  }
}
