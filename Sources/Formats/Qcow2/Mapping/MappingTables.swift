// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Synchronization

/// The tables that map guest clusters to host clusters: the active L1 table as a whole, and slices of L2 tables in a
/// cache.
///
/// A crash at any moment leaves a sound image file: new references are written after the clusters that they point to,
/// and space is given back after the last reference to it is gone from the file.
final class MappingTables: @unchecked Sendable {
  /// The active L1 table.
  private(set) var l1: TableInMemory
  /// Slices of L2 tables, those of snapshots included.
  private(set) var l2Cache: TableCache
  /// The L2 table that was entered last, which is not loaded as those from before are.
  private(set) var newTable: UInt64?
  private let guestLength: Atomic<UInt64>
  /// Held by a thread that changes the tables in memory, and by one that looks at them without the lock: never while
  /// anything is read or written.
  private let gate = ConditionLock()
  /// The sizes that follow from the header, but for the width of refcounts.
  let geometry: Geometry
  let header: HeaderStore
  let files: FileSpace
  let allocator: ClusterAllocator
  let guardian: OverlapGuard
  let codec: ClusterCodec
  let claims: ClaimedWrites

  init(
    _ l1: TableInMemory, length: UInt64, _ options: Qcow2Options, sliceBytes: Int,
    _ allocator: ClusterAllocator, _ codec: ClusterCodec, _ claims: ClaimedWrites
  ) {
    self.l1 = l1
    self.allocator = allocator
    self.codec = codec
    self.claims = claims
    header = allocator.header
    files = allocator.files
    guardian = allocator.guardian
    geometry = header.geometry
    guestLength = Atomic(length)
    l2Cache = TableCache(bytes: options.l2CacheBytes, sliceBytes: sliceBytes, gate: gate)
  }

  /// The sectors of the guest's disk in bytes; read without the lock.
  var length: UInt64 { guestLength.load(ordering: .acquiring) }

  /// Lets the disk have another length.
  func setLength(_ length: UInt64) { guestLength.store(length, ordering: .releasing) }

  // MARK: L1

  /// Goes on with another L1 table.
  func use(_ table: TableInMemory) { gate.withLock { l1 = table } }

  /// Lets an L1 entry point to a table that is its own.
  func setTable(_ index: Int, at offset: UInt64) {
    newTable = offset
    gate.withLock { l1[index] = L1Entry(table: offset).rawValue }
  }
  /// Lets an L1 entry point nowhere.
  func clearTable(_ index: Int) { gate.withLock { l1[index] = 0 } }

  // MARK: L2

  /// Goes on with an empty cache.
  func makeCache(_ options: Qcow2Options, sliceBytes: Int) {
    let cache = TableCache(
      bytes: options.l2CacheBytes, sliceBytes: sliceBytes, gate: gate)
    gate.withLock { l2Cache = cache }
  }

  /// Forgets what is in memory of the L2 table at a host offset, which is one no more, or has been written past the cache.
  func forgetTable(at offset: UInt64, _ held: borrowing Held) {
    l2Cache.drop(from: offset, bytes: geometry.clusterSize, held)
  }

  /// Forgets all L2 tables that were in these clusters.
  func forgetTables(in clusters: Range<UInt64>, _ held: borrowing Held) {
    l2Cache.drop(
      from: clusters.lowerBound << geometry.clusterBits,
      bytes: UInt64(clusters.count) << geometry.clusterBits, held)
  }

  /// Changes the entry `step` entries behind a place.
  func setEntry(
    _ entry: L2Entry, _ bitmap: SubclusterBitmap = SubclusterBitmap(rawValue: 0), at place: L2Place,
    plus step: Int = 0, _ held: borrowing Held
  ) {
    let size = geometry.l2EntryBytes
    let offset = (place.indexInSlice + step) * size
    let buffer = place.slice.buffer
    var bytes = buffer.mutableBytes
    gate.lock()
    bytes.storeBig(entry.rawValue, at: offset)
    if geometry.hasExtendedL2 { bytes.storeBig(bitmap.rawValue, at: offset + 8) }
    gate.unlock()
    l2Cache.markDirty(place.slice, offset..<offset + size, held)
  }

  /// Changes an entry of a slice, of the active state's tables or of a snapshot's; subclusters stay as they are.
  func set(_ entry: L2Entry, in slice: TableCache.Slice, at index: Int, _ held: borrowing Held) {
    let offset = index * geometry.l2EntryBytes
    let buffer = slice.buffer
    var bytes = buffer.mutableBytes
    gate.lock()
    bytes.storeBig(entry.rawValue, at: offset)
    gate.unlock()
    l2Cache.markDirty(slice, offset..<offset + 8, held)
  }

  // MARK: Writing

  /// Whether the file lacks anything that tables in memory hold.
  var isDirty: Bool { l2Cache.isDirty || l1.isDirty || allocator.refcounts.isDirty }

  /// Writes all tables that changed, in order.
  func writeBack(_ held: borrowing Held) throws(BlockError) {
    try header.refuseBroken()
    // With the dirty bit set, refcounts are made anew after a crash: they need not be in the file before.
    if !header.hasLateCounts { try allocator.write(held) }
    try files.writeInOrder(.l2Tables ... .l1Table, held) {
      $0 == .l2Tables ? l2Cache.isDirty : l1.isDirty
    } _: {
      (kind: TableKind) throws(BlockError) in
      files.note(kind == .l1Table ? .l1Update : .l2Update, held)
      if kind == .l1Table { return try writeL1(held) }
      try l2Cache.writeDirty(to: files.file(held), held) {
        (offset: UInt64, bytes: UInt64) throws(BlockError) in
        try guardian.check(offset, bytes, for: .activeL2, held)
      }
    }
  }

  private func writeL1(_ held: borrowing Held) throws(BlockError) {
    var written = l1
    try written.write(to: files.file(held))
    use(written)
  }

  // MARK: Looking without the lock

  /// The extent at the start of a range from the tables in memory, without waiting for the holder of the lock; nil
  /// where these do not tell.
  func knownExtent(at offset: UInt64, length: UInt64) -> Extent? {
    gate.lock()
    defer { gate.unlock() }
    return extentInMemory(at: offset, length: length)
  }

  /// The entry of a guest cluster, without waiting for the holder of the lock; nil where it is not in memory.
  func knownEntry(at offset: UInt64) -> L2Entry? {
    gate.lock()
    defer { gate.unlock() }
    guard case .place(let place) = placeInMemory(of: offset) else { return nil }
    let buffer = place.slice.buffer
    return entry(buffer.bytes, place)
  }

  /// Brings all tables into the file and gives back what they do not refer to any more.
  func settle(_ held: borrowing Held) throws(BlockError) {
    try writeBack(held)
    try files.barrier(held)
    try allocator.applyFrees(held)
  }

  /// Keeps the list of what is given back later short. Tables in memory must be complete in themselves.
  func workOffFrees(_ held: borrowing Held) throws(BlockError) {
    if allocator.hasManyFrees { try settle(held) }
  }
}
