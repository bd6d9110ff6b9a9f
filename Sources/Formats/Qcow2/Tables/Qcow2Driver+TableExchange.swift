// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// The tables that make up a state of the image, but for refcounts.
struct TableSet {
  /// The active L1 table.
  var l1: TableInMemory
  /// The length of the disk in bytes as the header tells it.
  var length: UInt64
  /// The snapshots and where the header finds them.
  var snapshots: Qcow2Driver.SnapshotTablePlace
}

/// Changes of many references at once. The monitor is held, no request runs, and the file has all tables.
///
/// Refcounts, and marks for "refcount is 1" in the tables, agree at any moment only if both change at once. So all
/// that changes is made beside what there is: other tables, and a copy of refcounts that counts for them. One write
/// to the header, inside one sector, lets the new state count, and only then the space of the old one is given back.
/// A crash before leaves the image as it was, since the header's refcounts know nothing of the new tables.
extension Qcow2Driver {
  /// Makes other tables, and lets the header point to them.
  ///
  /// `make` places and writes what it makes with the functions that the driver always uses, which work on the copy of
  /// refcounts meanwhile. What it counts down must not be reused before it returns, and not be discarded: `later`.
  ///
  /// When this fails, everything is as it was before. When giving space back fails, the change has happened.
  func exchangeTables(
    refcountOrder: UInt64? = nil, _ node: Node, _ context: JobContext = JobContext(),
    _ make: (inout TableSet) throws(BlockError) -> Void
  ) throws(BlockError) {
    let former = refcounts
    let fileLength = try file(of: node).length
    var tables = TableSet(l1: l1, length: header.size, snapshots: presentSnapshotTable)
    let new = try copyRefcounts(order: refcountOrder ?? geometry.refcountOrder, node, context)
    let ends = (requiredEnd, emptyTablesEnd)
    isExchanging = true
    use(new.store)
    do throws(BlockError) {
      defer { isExchanging = false }
      try make(&tables)
      try tables.l1.write(to: try file(of: node))
      try writeRefcounts(node)
      try barrier(node)
      try switchHeader(to: header.pointing(to: tables, refcounts), node)
    } catch {
      use(former)
      (requiredEnd, emptyTablesEnd) = ends
      pendingFrees = PendingFrees()
      if !isBroken { try? takeBack(new.copy, keeping: fileLength, node) }
      throw error
    }
    l1 = tables.l1
    snapshots = tables.snapshots.entries
    // Readers know whole sectors.
    length = tables.length / 512 * 512
    try barrier(node)
    try giveBack(former, node)
  }

  /// Leaves the file as if there had not been a copy.
  private func takeBack(_ copy: RefcountCopy, keeping length: UInt64, _ node: Node) throws(BlockError) {
    try giveBack(copy, node)
    try cutFile(keeping: length, node)
  }

  /// Gives an L1 table a place of its own, where it is still to be written.
  func move(_ table: inout TableInMemory, _ node: Node) throws(BlockError) {
    guard table.count > 0 else { return }
    let clusters = try allocate(
      geometry.clusters(covering: table.byteCount), exactly: true, for: "L1 table", node)
    table = table.moved(to: clusters.lowerBound << geometry.clusterBits, count: table.count)
    requiredEnd = max(requiredEnd, table.offset + table.byteCount)
    for cluster in clusters { metadataMap?.insert(cluster) }
  }

  /// Gives the clusters of an L1 table back.
  func giveBack(l1 table: TableInMemory, _ reason: PendingFrees.Reason, _ node: Node) throws(BlockError) {
    let first = table.offset >> geometry.clusterBits
    try dropReferences(first..<first + geometry.clusters(covering: table.byteCount), reason, node)
  }
}

extension Header {
  fileprivate func pointing(to tables: TableSet, _ refcounts: RefcountStore) -> Header {
    var header = self
    let geometry = refcounts.geometry
    header.size = tables.length
    header.use(tables.l1)
    header.refcountOrder = UInt32(geometry.refcountOrder)
    header.refcountTableOffset = refcounts.table.offset
    header.refcountTableClusters = UInt32(geometry.clusters(covering: refcounts.table.byteCount))
    header.snapshotCount = UInt32(tables.snapshots.entries.count)
    header.snapshotsOffset = tables.snapshots.clusters.lowerBound << geometry.clusterBits
    return header
  }
}
