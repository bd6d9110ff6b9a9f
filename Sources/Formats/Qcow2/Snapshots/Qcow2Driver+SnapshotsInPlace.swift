// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Taking, restoring and forgetting snapshots where there is no room for other tables beside those there are: people
/// forget snapshots because the disk is full. The monitor is held.
///
/// One write to the header decides here, too, and before and after it references are counted that nothing has, which is
/// harmless. Only marks for "refcount is 1" cannot change at once with what they say. While they do, the image is marked
/// as not closed properly, so that whoever opens it after a crash puts them right; version 2 has no such mark, and a
/// check then finds what is wrong with them, which does no harm either.
extension Qcow2Driver {
  /// Whether an error that left everything as it was can be got around without room.
  func canGoOn(withoutRoom error: BlockError) -> Bool { error.isOutOfSpace && !isBroken }

  /// Bytes of the clusters of the active L1 table.
  var spaceOfL1: UInt64 { geometry.clusters(covering: l1.byteCount) << geometry.clusterBits }

  // MARK: Taking

  /// Takes a snapshot that shares all L2 tables with the disk: only its L1 table and the list of snapshots take room.
  func createInPlace(_ entry: SnapshotEntry, _ node: Node) throws(BlockError) {
    var table = l1
    var entry = entry
    var list: SnapshotTablePlace?
    do throws(BlockError) {
      try move(&table, node)
      entry.l1Offset = table.offset
      list = try placeSnapshotTable(snapshots + [entry], node)
      try writeRefcounts(node)
      try barrier(node)
    } catch {
      if table.offset != l1.offset { try? giveBack(l1: table, .later, node) }
      if let list { try? dropReferences(list.clusters, .later, node) }
      throw error
    }
    guard let list else { return }
    try whileMarksChange(node) { () throws(BlockError) in
      try shareInPlace(table.offset, node)
      var changed = header
      changed.snapshotCount = UInt32(list.entries.count)
      changed.snapshotsOffset = list.clusters.lowerBound << geometry.clusterBits
      try switchHeader(to: changed, node)
      snapshots = list.entries
    } undo: { () throws(BlockError) in
      try countAnew(node)
    }
  }

  /// Counts the tables of the disk and what they refer to once more, for a copy of the L1 table at an offset.
  private func shareInPlace(_ offset: UInt64, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    var shared = l1
    try share(&shared, inPlace: true, node)
    try writeRefcounts(node)
    try barrier(node)
    var copy = shared.moved(to: offset, count: shared.count)
    try shared.write(to: file)
    l1 = shared
    try copy.write(to: file)
    try barrier(node)
  }

  /// Lets refcounts and marks say what the tables in the file do, which a change that came to nothing left behind.
  private func countAnew(_ node: Node) throws(BlockError) {
    try rebuildRefcounts(node)
    try correctMarks(node)
    compressedEnd = 0
  }

  // MARK: Restoring

  /// Lets the disk go on from the state that an L1 table describes, which is no longer than the space of the present one.
  func applyInPlace(_ table: TableInMemory, length newLength: UInt64, _ node: Node) throws(BlockError) {
    let former = l1
    let lent = table.offset >> geometry.clusterBits
    let lentClusters = lent..<lent + geometry.clusters(covering: table.byteCount)
    var shared = table
    try share(&shared, inPlace: true, node)
    var lending = lent..<lent
    do throws(BlockError) {
      for cluster in lentClusters {
        try addReferences(to: cluster, node)
        lending = lent..<cluster + 1
      }
      try writeRefcounts(node)
      try barrier(node)
      try shared.write(to: try file(of: node))
      try barrier(node)
      // The disk borrows the snapshot's own table until its former one holds the same.
      var changed = header
      changed.size = newLength
      changed.use(shared)
      try switchHeader(to: changed, node)
    } catch {
      if !isBroken {
        try? dropReferences(lending, .later, node)
        try? countDown(table, .later, node)
      }
      throw error
    }
    l1 = shared
    length = newLength / 512 * 512
    try barrier(node)
    do throws(BlockError) {
      try returnL1(to: former.offset, node)
    } catch {
      // The next writer has to.
      isBroken = true
      throw error
    }
    try dropReferences(lentClusters, .other, node)
    try countDown(former, .snapshot, node)
    let first = former.offset >> geometry.clusterBits
    let kept = geometry.clusters(covering: l1.byteCount)
    try dropReferences(first + kept..<first + geometry.clusters(covering: former.byteCount), .other, node)
  }

  /// Writes the active L1 table to another place, and lets the header point there.
  private func returnL1(to offset: UInt64, _ node: Node) throws(BlockError) {
    var own = l1.moved(to: offset, count: l1.count)
    try own.write(to: try file(of: node))
    try barrier(node)
    var changed = header
    changed.use(own)
    try switchHeader(to: changed, node)
    l1 = own
    metadataMap = nil
    try barrier(node)
  }

  /// Gives the disk an L1 table of its own, where it was left with that of a snapshot.
  func separateL1(_ node: Node) throws(BlockError) {
    guard l1.count > 0, snapshots.contains(where: { $0.l1Size > 0 && $0.l1Offset == l1.offset }) else {
      return
    }
    let lent = l1.offset >> geometry.clusterBits
    let count = geometry.clusters(covering: l1.byteCount)
    let clusters = try allocate(count, exactly: true, for: "L1 table", node)
    do throws(BlockError) {
      try writeRefcounts(node)
      try returnL1(to: clusters.lowerBound << geometry.clusterBits, node)
    } catch {
      if !isBroken { try? dropReferences(clusters, .other, node) }
      throw error
    }
    requiredEnd = max(requiredEnd, l1.offset + l1.byteCount)
    try dropReferences(lent..<lent + count, .other, node)
  }

  // MARK: Forgetting

  /// Forgets the snapshot at an index, whose L1 table is given.
  func deleteInPlace(_ index: Int, _ table: TableInMemory, _ node: Node) throws(BlockError) {
    let former = presentSnapshotTable.clusters
    var rest = snapshots
    rest.remove(at: index)
    // Without its last entry the table may stay where it is.
    let isLast = index == rest.count
    let place =
      isLast ? former.prefix(clustersOfTable(rest)) : try placeSnapshotTable(rest, node).clusters
    do throws(BlockError) {
      try writeRefcounts(node)
      try barrier(node)
      var changed = header
      changed.snapshotCount = UInt32(rest.count)
      changed.snapshotsOffset = rest.isEmpty ? 0 : place.lowerBound << geometry.clusterBits
      try switchHeader(to: changed, node)
    } catch {
      if !isLast, !isBroken { try? dropReferences(place, .other, node) }
      throw error
    }
    snapshots = rest
    try barrier(node)
    try whileMarksChange(node) { () throws(BlockError) in
      try dropReferences(isLast ? place.upperBound..<former.upperBound : former, .other, node)
      try countDown(table, .snapshot, node)
      try giveBack(l1: table, .snapshot, node)
      try correctMarks(node)
    } undo: { () throws(BlockError) in
      try countAnew(node)
    }
    compressed.forget()
  }

  private func clustersOfTable(_ entries: [SnapshotEntry]) -> UInt64 {
    geometry.clusters(covering: UInt64(SnapshotTable.bytes(entries)))
  }

  /// Lets all marks say what refcounts do, in the tables where they are.
  func correctMarks(_ node: Node) throws(BlockError) {
    // What a data file holds has no refcount.
    guard !hasDataFile else { return }
    var table = l1
    try setMarks(&table, inPlace: node)
    try barrier(node)
    try table.write(to: try file(of: node))
    l1 = table
  }

  /// Runs `body` with the mark in the header that the image is not closed properly. Where `body` fails and what it did
  /// cannot be undone either, the mark stays for the next writer.
  private func whileMarksChange(
    _ node: Node, _ body: () throws(BlockError) -> Void, undo: () throws(BlockError) -> Void
  ) throws(BlockError) {
    let marks = header.version >= 3 && !hasDirtyBit
    if marks {
      header.incompatible.insert(.dirty)
      try writeFeatures(node)
      try barrier(node)
    }
    var failure: BlockError?
    do throws(BlockError) {
      try body()
    } catch {
      guard !isBroken, (try? undo()) != nil else { throw error }
      failure = error
    }
    if marks {
      try barrier(node)
      header.incompatible.remove(.dirty)
      try writeFeatures(node)
    }
    if let failure { throw failure }
  }
}

extension Range<UInt64> {
  fileprivate func prefix(_ count: UInt64) -> Range<UInt64> {
    lowerBound..<Swift.min(lowerBound + count, upperBound)
  }
}
