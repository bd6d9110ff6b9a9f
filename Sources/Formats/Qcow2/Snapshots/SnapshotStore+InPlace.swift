// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Taking, restoring and forgetting snapshots where there is no room for other tables beside those there are: people
/// forget snapshots because the disk is full.
///
/// One write to the header decides here, too, and before and after it references are counted that nothing has, which is
/// harmless. Only marks for "refcount is 1" cannot change at once with the refcounts. While they do, the image is
/// marked as not closed properly, so that the next program that opens it after a crash puts them right; version 2 has
/// no such mark, and a check then finds the wrong marks, which do no harm either.
extension SnapshotStore {
  /// Whether an error that left everything as it was can be got around without room.
  func canGoOn(withoutRoom error: BlockError) -> Bool { error.isOutOfSpace && !header.isBroken }

  /// Bytes of the clusters of the active L1 table.
  var spaceOfL1: UInt64 { geometry.clusters(covering: mapping.l1.byteCount) << geometry.clusterBits }

  // MARK: Taking

  /// Takes a snapshot that shares all L2 tables with the disk: only its L1 table and the list of snapshots take room.
  func createInPlace(_ entry: SnapshotEntry, _ held: borrowing Held) throws(BlockError) {
    var table = mapping.l1
    var entry = entry
    var list: SnapshotTablePlace?
    do throws(BlockError) {
      try move(&table, held)
      entry.l1Offset = table.offset
      list = try place(entries + [entry], held)
      try allocator.write(held)
      try files.barrier(held)
    } catch {
      if table.offset != mapping.l1.offset { try? giveBack(l1: table, .later, held) }
      if let list { try? allocator.free(list.clusters, .later, held) }
      throw error
    }
    guard let list else { return }
    try whileMarksChange(held) { () throws(BlockError) in
      try shareInPlace(table.offset, held)
      try header.switchTables(held) { $0.use(list, geometry) }
      use(list.entries)
    } undo: { () throws(BlockError) in
      try countAnew(held)
    }
  }

  /// Counts the tables of the disk and what they refer to once more, for a copy of the L1 table at an offset.
  private func shareInPlace(_ offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    // Marks go before counts rise: a mark that is missing costs a copy at most, one too many would be written through.
    var shared = mapping.l1
    try clearMarks(&shared, held)
    try shared.write(to: file)
    mapping.use(shared)
    try files.barrier(held)
    try share(&shared, inPlace: true, held)
    try allocator.write(held)
    try files.barrier(held)
    var copy = shared.moved(to: offset, count: shared.count)
    try copy.write(to: file)
    try files.barrier(held)
  }

  /// Lets refcounts and marks say what the tables in the file do, which a change that came to nothing left behind.
  private func countAnew(_ held: borrowing Held) throws(BlockError) {
    try allocator.rebuild(held)
    try correctMarks(held)
    allocator.forgetPacked()
  }

  // MARK: Restoring

  /// Lets the disk go on from the state that an L1 table describes, which is no longer than the space of the present one.
  func applyInPlace(_ table: TableInMemory, length newLength: UInt64, _ held: borrowing Held)
    throws(BlockError)
  {
    let former = mapping.l1
    let lent = table.offset >> geometry.clusterBits
    let lentClusters = lent..<lent + geometry.clusters(covering: table.byteCount)
    var shared = table
    try share(&shared, inPlace: true, held)
    var lending = lent..<lent
    do throws(BlockError) {
      for cluster in lentClusters {
        try allocator.addReferences(to: cluster, held)
        lending = lent..<cluster + 1
      }
      try allocator.write(held)
      try files.barrier(held)
      try shared.write(to: try files.file(held))
      try files.barrier(held)
      // The disk borrows the snapshot's own table until its former one holds the same.
      try header.switchTables(held) {
        $0.size = newLength
        $0.use(shared)
      }
    } catch {
      if !header.isBroken {
        try? allocator.free(lending, .later, held)
        try? countDown(table, .later, held)
      }
      throw error
    }
    mapping.use(shared)
    mapping.setLength(newLength / 512 * 512)
    try files.barrier(held)
    do throws(BlockError) {
      try returnL1(to: former.offset, held)
    } catch {
      // The next writer has to.
      header.giveUp()
      throw error
    }
    try allocator.free(lentClusters, .other, held)
    try countDown(former, .snapshot, held)
    let first = former.offset >> geometry.clusterBits
    let kept = geometry.clusters(covering: mapping.l1.byteCount)
    try allocator.free(first + kept..<first + geometry.clusters(covering: former.byteCount), .other, held)
  }

  /// Writes the active L1 table to another place, and lets the header point there.
  private func returnL1(to offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    var own = mapping.l1.moved(to: offset, count: mapping.l1.count)
    try own.write(to: try files.file(held))
    try files.barrier(held)
    try header.switchTables(held) { $0.use(own) }
    mapping.use(own)
    guardian.forget()
    try files.barrier(held)
  }

  /// Gives the disk an L1 table of its own, where it was left with that of a snapshot.
  func separateL1(_ held: borrowing Held) throws(BlockError) {
    guard mapping.l1.count > 0, entries.contains(where: { $0.l1Size > 0 && $0.l1Offset == mapping.l1.offset })
    else {
      return
    }
    let lent = mapping.l1.offset >> geometry.clusterBits
    let count = geometry.clusters(covering: mapping.l1.byteCount)
    let clusters = try allocator.take(count, exactly: true, for: "L1 table", held)
    do throws(BlockError) {
      try allocator.write(held)
      try returnL1(to: clusters.lowerBound << geometry.clusterBits, held)
    } catch {
      if !header.isBroken { try? allocator.free(clusters, .other, held) }
      throw error
    }
    files.require(mapping.l1.offset + mapping.l1.byteCount)
    try allocator.free(lent..<lent + count, .other, held)
  }

  // MARK: Forgetting

  /// Forgets the snapshot at an index, whose L1 table is given.
  func deleteInPlace(_ index: Int, _ table: TableInMemory, _ held: borrowing Held) throws(BlockError) {
    let former = presentPlace.clusters
    var rest = entries
    rest.remove(at: index)
    // Without its last entry the table may stay where it is.
    let isLast = index == rest.count
    let place =
      isLast ? former.prefix(clustersOfTable(rest)) : try self.place(rest, held).clusters
    do throws(BlockError) {
      try allocator.write(held)
      try files.barrier(held)
      try header.switchTables(held) {
        $0.use(SnapshotTablePlace(entries: rest, clusters: place), geometry)
      }
    } catch {
      if !isLast, !header.isBroken { try? allocator.free(place, .other, held) }
      throw error
    }
    use(rest)
    try files.barrier(held)
    try whileMarksChange(held) { () throws(BlockError) in
      try allocator.free(isLast ? place.upperBound..<former.upperBound : former, .other, held)
      try countDown(table, .snapshot, held)
      try giveBack(l1: table, .snapshot, held)
      try correctMarks(held)
    } undo: { () throws(BlockError) in
      try countAnew(held)
    }
    codec.forget()
  }

  private func clustersOfTable(_ entries: [SnapshotEntry]) -> UInt64 {
    geometry.clusters(covering: UInt64(SnapshotTable.bytes(entries)))
  }

  /// Lets all marks say what refcounts do, in the tables where they are.
  func correctMarks(_ held: borrowing Held) throws(BlockError) {
    // Clusters in a data file have no refcount.
    guard !files.hasDataFile else { return }
    var table = mapping.l1
    try setMarks(&table, inPlace: held)
    try files.barrier(held)
    try table.write(to: try files.file(held))
    mapping.use(table)
  }

  /// Runs `body` with the mark in the header that the image is not closed properly. If `body` fails and `undo` does,
  /// too, the mark stays for the next writer.
  private func whileMarksChange(
    _ held: borrowing Held, _ body: () throws(BlockError) -> Void, undo: () throws(BlockError) -> Void
  ) throws(BlockError) {
    let marks = header.version >= 3 && !header.hasLateCounts
    if marks {
      try header.setFeatures(held) { $0.incompatible.insert(.dirty) }
      try files.barrier(held)
    }
    var failure: BlockError?
    do throws(BlockError) {
      try body()
    } catch {
      guard !header.isBroken, (try? undo()) != nil else { throw error }
      failure = error
    }
    if marks {
      try files.barrier(held)
      try header.setFeatures(held) { $0.incompatible.remove(.dirty) }
    }
    if let failure { throw failure }
  }
}

extension Range<UInt64> {
  fileprivate func prefix(_ count: UInt64) -> Range<UInt64> {
    lowerBound..<Swift.min(lowerBound + count, upperBound)
  }
}
