// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The tables that make up a state of the image, but for refcounts.
struct TableSet {
  /// The active L1 table.
  var l1: TableInMemory
  /// The length of the disk in bytes as the header tells it.
  var length: UInt64
  /// The snapshots and where the header finds them.
  var snapshots: SnapshotTablePlace
}

/// Changes of many references at once. No request runs, and the file has all tables.
///
/// Refcounts, and marks for "refcount is 1" in the tables, agree at any moment only if both change at once. So all
/// that changes is made beside what there is: other tables, and a copy of refcounts that counts for them. One write
/// to the header, inside one sector, lets the new state count, and only then the space of the old one is given back.
/// A crash before leaves the image as it was, since the header's refcounts know nothing of the new tables.
extension SnapshotStore {
  /// Makes other tables, and lets the header point to them.
  ///
  /// `make` places and writes its tables with the functions that the driver always uses, which work on the copy of
  /// refcounts meanwhile. Clusters that it counts down must not be reused before it returns, and are freed as `.later`:
  /// the storage must not hear of them yet.
  ///
  /// When this fails, everything is as it was before. When giving space back fails, the change has happened.
  func exchange(
    refcountOrder: UInt64? = nil, _ held: borrowing Held, _ context: JobContext = JobContext(),
    _ make: (inout TableSet) throws(BlockError) -> Void
  ) throws(BlockError) {
    let former = allocator.refcounts
    let fileLength = try files.file(held).length
    var tables = TableSet(l1: mapping.l1, length: header.size, snapshots: presentPlace)
    let new = try allocator.copy(order: refcountOrder ?? geometry.refcountOrder, held, context)
    let ends = files.ends
    do throws(BlockError) {
      try allocator.exchange(with: new.store) { () throws(BlockError) in
        try make(&tables)
        try tables.l1.write(to: files.file(held))
        try allocator.write(held)
        try files.barrier(held)
        try header.switchTables(held) { $0.use(tables, allocator.refcounts) }
      }
    } catch {
      allocator.use(former)
      files.restore(ends)
      allocator.forgetFrees()
      if !header.isBroken { try? takeBack(new.copy, keeping: fileLength, held) }
      throw error
    }
    mapping.use(tables.l1)
    use(tables.snapshots.entries)
    // Readers know whole sectors.
    mapping.setLength(tables.length / 512 * 512)
    try files.barrier(held)
    try allocator.giveBack(former, held)
  }

  /// Leaves the file as if there had not been a copy.
  private func takeBack(_ copy: RefcountCopy, keeping length: UInt64, _ held: borrowing Held)
    throws(BlockError)
  {
    try allocator.giveBack(copy, held)
    try allocator.cutFile(keeping: length, held)
  }

  /// Gives an L1 table a place of its own, where it is still to be written.
  func move(_ table: inout TableInMemory, _ held: borrowing Held) throws(BlockError) {
    guard table.count > 0 else { return }
    let clusters = try allocator.take(
      geometry.clusters(covering: table.byteCount), exactly: true, for: "L1 table", held)
    table = table.moved(to: clusters.lowerBound << geometry.clusterBits, count: table.count)
    files.require(table.offset + table.byteCount)
    guardian.note(clusters)
  }

  /// Gives the clusters of an L1 table back.
  func giveBack(l1 table: TableInMemory, _ reason: PendingFrees.Reason, _ held: borrowing Held)
    throws(BlockError)
  {
    let first = table.offset >> geometry.clusterBits
    try allocator.free(first..<first + geometry.clusters(covering: table.byteCount), reason, held)
  }
}

extension Header {
  /// Points to other tables and refcounts.
  fileprivate mutating func use(_ tables: TableSet, _ refcounts: RefcountStore) {
    let geometry = refcounts.geometry
    size = tables.length
    use(tables.l1)
    refcountOrder = UInt32(geometry.refcountOrder)
    refcountTableOffset = refcounts.table.offset
    refcountTableClusters = UInt32(geometry.clusters(covering: refcounts.table.byteCount))
    use(tables.snapshots, geometry)
  }
}
