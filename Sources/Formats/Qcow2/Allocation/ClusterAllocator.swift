// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The host clusters of an image: which of them are in use, and how often each is referred to.
///
/// A count is in the file before the cluster that it counts is referred to there, and goes down only once the file does
/// not refer to the cluster any more. A caller that gives up a reference in memory calls `freeLater`; `free` is for
/// clusters that the file does not refer to.
final class ClusterAllocator: @unchecked Sendable {
  /// The refcounts.
  private(set) var refcounts: RefcountStore
  /// The sizes that follow from the header, with the present width of refcounts.
  private(set) var geometry: Geometry
  /// References that are gone from tables in memory, to be counted down once the tables are in the file.
  private var pendingFrees = PendingFrees()
  /// The host offset where the next compressed cluster may follow the one before, if it fits; 0 for none.
  private(set) var packedEnd: UInt64 = 0
  /// Whether the counts are a copy that the header does not point to yet.
  private(set) var isExchanging = false
  /// Whether clusters in use may be holes in the file; nil until somebody wants to know.
  private var hasUnwrittenClusters: Bool?
  /// The image's options: the discards that the storage hears of, and the memory for refcounts, among others.
  private(set) var options: Qcow2Options
  let header: HeaderStore
  let files: FileSpace
  let guardian: OverlapGuard

  init(
    _ table: TableInMemory, _ options: Qcow2Options, _ header: HeaderStore, _ guardian: OverlapGuard
  ) {
    self.options = options
    self.header = header
    self.guardian = guardian
    files = header.files
    geometry = header.geometry
    refcounts = RefcountStore(
      table, geometry: header.geometry, cacheBytes: options.refcountCacheBytes)
  }

  // MARK: Other counts

  func makeStore(_ table: TableInMemory, _ geometry: Geometry, cursor: UInt64 = 0) -> RefcountStore {
    RefcountStore(
      table, geometry: geometry, cacheBytes: options.refcountCacheBytes, cursor: cursor)
  }

  /// Goes on with other counts, perhaps of another width.
  func use(_ store: RefcountStore) {
    refcounts = store
    geometry = store.geometry
    guardian.forget()
  }

  /// Goes on with a refcount table as it was read anew, and nothing in memory.
  func adopt(_ table: TableInMemory, _ options: Qcow2Options) {
    self.options = options
    use(makeStore(table, geometry))
  }

  /// Goes on with a refcount table that was changed in the file; blocks in memory have not.
  func reread(_ table: TableInMemory) { refcounts.use(table) }

  /// Looks for space from the start again: the counts in the file were changed by somebody else.
  func searchAnew() {
    refcounts.search(from: 0)
    guardian.forget()
  }

  /// Forgets everything that was noted of the image.
  func forget() {
    pendingFrees = PendingFrees()
    packedEnd = 0
    hasUnwrittenClusters = nil
  }

  /// Works on other counts, to which the header does not point.
  func exchange(with store: RefcountStore, _ body: () throws(BlockError) -> Void) throws(BlockError) {
    use(store)
    isExchanging = true
    defer { isExchanging = false }
    try body()
  }

  // MARK: References that go later

  /// Whether what is noted should be worked off before more is.
  var hasManyFrees: Bool { pendingFrees.isFull }
  /// Whether anything is to be counted down.
  var hasFrees: Bool { !pendingFrees.isEmpty }

  /// Notes that clusters have fewer references, once the tables are in the file.
  func freeLater(_ clusters: Range<UInt64>, _ reason: PendingFrees.Reason, count: UInt64 = 1) {
    pendingFrees.add(clusters, reason, count: count)
  }

  /// Counts references down that no table in the file holds any more: all tables are in the file.
  func applyFrees(_ held: borrowing Held) throws(BlockError) {
    while var entry = pendingFrees.takeFirst() {
      do throws(BlockError) {
        try free(&entry.clusters, entry.reason, count: entry.count, held)
      } catch {
        // The rest is for the next time.
        pendingFrees.putBack(entry)
        throw error
      }
    }
  }

  /// Forgets what was noted: the tables are not going to be in the file.
  func forgetFrees() { pendingFrees = PendingFrees() }

  // MARK: Compressed clusters

  /// Notes that a compressed cluster ends at a host offset.
  func notePacked(upTo end: UInt64) {
    packedEnd = end
    files.require(end.roundedUp(to: CompressedDescriptor.sector) ?? end)
  }

  /// Lets nothing follow the compressed cluster that was placed last.
  func forgetPacked() { packedEnd = 0 }

  // MARK: Writing

  /// Writes refcount blocks and the refcount table, in order.
  func write(_ held: borrowing Held) throws(BlockError) {
    try files.writeInOrder(.refcountBlocks ... .refcountTable, held) {
      $0 == .refcountBlocks ? refcounts.cache.isDirty : refcounts.table.isDirty
    } _: { (kind: TableKind) throws(BlockError) in
      if kind == .refcountBlocks {
        try writeBlocks(held)
      } else {
        files.note(.refblockAllocHookup, held)
        try refcounts.writeTable(to: files.file(held))
      }
    }
  }

  /// Writes refcount blocks.
  func writeBlocks(_ held: borrowing Held) throws(BlockError) {
    files.note(.refblockUpdatePart, held)
    try refcounts.cache.writeDirty(to: files.file(held), held) {
      (offset: UInt64, bytes: UInt64) throws(BlockError) in
      try guardian.check(offset, bytes, for: .refcountBlock, held)
    }
  }

  /// Whether it is worth asking the file for holes in clusters that are in use. Looked at once.
  func mayHaveHoles(_ held: borrowing Held) -> Bool {
    if let known = hasUnwrittenClusters { return known }
    let answer = (try? lacksClusters(held)) ?? true
    hasUnwrittenClusters = answer
    return answer
  }

  /// Refuses a refcount table that names a block twice: the count of one cluster would be another's, too, and a search
  /// for space could find the same counts a million times.
  func refuseRepeatedBlocks(_ held: borrowing Held) throws(BlockError) {
    let table = refcounts.table
    var blocks: [UInt64] = []
    for index in 0..<table.count where table[index] != 0 {
      blocks.append(RefcountTableEntry(rawValue: table[index]).offset)
    }
    blocks.sort()
    for index in blocks.indices.dropFirst() where blocks[index] == blocks[index - 1] {
      throw header.damage("Refblock offset 0x\(hex(blocks[index])) is in the refcount table twice", held)
    }
  }
}
