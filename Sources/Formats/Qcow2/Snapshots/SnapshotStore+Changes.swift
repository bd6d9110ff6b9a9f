// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Taking, restoring and forgetting snapshots, each as one exchange of tables: a crash leaves the image as it was
/// before or as it is after, with space unaccounted for at worst.
extension SnapshotStore {
  /// The snapshot gets the tables that were active; the disk goes on with others, without marks.
  func create(_ name: String, seconds: UInt32, nanoseconds: UInt32, _ held: borrowing Held) throws(BlockError)
  {
    try settle(held)
    guard entries.count < Int(Qcow2Limits.snapshots) else {
      throw BlockError(
        .tooLarge, "the image has \(entries.count) snapshots, which is as many as it can hold")
    }
    var entry = SnapshotEntry(
      id: SnapshotTable.nextID(entries), name: name, diskSize: header.size, seconds: seconds,
      nanoseconds: nanoseconds)
    try refuseFullCounts(mapping.l1, held)
    entry.l1Offset = mapping.l1.offset
    entry.l1Size = UInt32(mapping.l1.count)
    let formerTable = presentPlace.clusters
    do throws(BlockError) {
      try exchange(held) { (tables: inout TableSet) throws(BlockError) in
        try share(&tables.l1, held)
        try move(&tables.l1, held)
        tables.snapshots = try place(entries + [entry], held)
      }
    } catch {
      guard canGoOn(withoutRoom: error) else { throw error }
      try createInPlace(entry, held)
    }
    try allocator.free(formerTable, .other, held)
  }

  /// The disk goes on from the state that a snapshot has.
  func apply(_ selector: BlockGraph.SnapshotSelector, _ held: borrowing Held) throws(BlockError) {
    try settle(held)
    guard let entry = SnapshotTable.find(SnapshotSelector(selector), in: entries) else {
      throw BlockError(.notFound, "No such file or directory", advice: SnapshotTable.listAdvice)
    }
    let table = try l1Table(of: entry, held)
    try refuseFullCounts(table, held)
    let former = mapping.l1
    do throws(BlockError) {
      try exchange(held) { (tables: inout TableSet) throws(BlockError) in
        tables.l1 = table
        try share(&tables.l1, held)
        try move(&tables.l1, held)
        tables.length = entry.diskSize ?? header.size
      }
    } catch {
      guard canGoOn(withoutRoom: error), table.byteCount <= spaceOfL1 else { throw error }
      return try applyInPlace(table, length: entry.diskSize ?? header.size, held)
    }
    // Clusters that the snapshot has, too, keep a reference, so no mark changes with this.
    try countDown(former, .snapshot, held)
    try giveBack(l1: former, .other, held)
  }

  /// Forgets a snapshot.
  func delete(_ selector: BlockGraph.SnapshotSelector, _ held: borrowing Held) throws(BlockError) {
    try settle(held)
    guard let entry = SnapshotTable.find(SnapshotSelector(selector), in: entries),
      let index = entries.firstIndex(of: entry)
    else { throw BlockError(.notFound, "snapshot not found") }
    let table = try l1Table(of: entry, held)
    var rest = entries
    rest.remove(at: index)
    let former = (l1: mapping.l1, snapshotTable: presentPlace.clusters)
    do throws(BlockError) {
      try exchange(held) { (tables: inout TableSet) throws(BlockError) in
        // Everything is placed before anything is counted down: clusters that become free are still in use in the file.
        tables.snapshots = try place(rest, held)
        try move(&tables.l1, held)
        var spare = try SpareTables(for: tables.l1, held, allocator)
        try countDown(table, .later, held)
        try setMarks(&tables.l1, &spare, held)
        try spare.giveBack(held, allocator)
      }
    } catch {
      guard canGoOn(withoutRoom: error) else { throw error }
      return try deleteInPlace(index, table, held)
    }
    try allocator.free(former.snapshotTable, .other, held)
    try giveBack(tablesReplacedIn: former.l1, held)
    try giveBack(l1: table, .snapshot, held)
    try discardFreed(table, held)
    codec.forget()
  }

  // MARK: Steps

  /// Brings the file up to date, so that it can be read past the caches, which are emptied.
  private func settle(_ held: borrowing Held) throws(BlockError) {
    guard !files.hasDataFile else { throw BlockError(.unsupported, "Operation not supported") }
    claims.wait(for: 0..<UInt64.max, held)
    try mapping.settle(held)
    for index in 0..<mapping.l1.count {
      let offset = L1Entry(rawValue: mapping.l1[index]).offset
      if offset != 0 { mapping.forgetTable(at: offset, held) }
    }
    allocator.forgetPacked()
    codec.forget()
  }

  private func l1Table(of entry: SnapshotEntry, _ held: borrowing Held) throws(BlockError) -> TableInMemory {
    try entry.check(header.current)
    return try TableInMemory(offset: entry.l1Offset, count: Int(entry.l1Size), from: files.file(held))
  }

  /// Gives a former L1 table back, and the L2 tables for which the present one has others.
  private func giveBack(tablesReplacedIn former: TableInMemory, _ held: borrowing Held) throws(BlockError) {
    for index in 0..<former.count {
      let offset = L1Entry(rawValue: former[index]).offset
      guard offset != 0, L1Entry(rawValue: mapping.l1[index]).offset != offset else { continue }
      let cluster = offset >> geometry.clusterBits
      allocator.freeLater(cluster..<cluster + 1, .snapshot)
    }
    try allocator.applyFrees(held)
    try giveBack(l1: former, .other, held)
  }
}

extension SnapshotEntry {
  /// Bytes of a name that `qemu-img` can hold.
  private static let nameBytes = 255

  /// An entry for a new snapshot without saved machine state; its L1 table is still to be named.
  init(id: String, name: String, diskSize: UInt64, seconds: UInt32, nanoseconds: UInt32) {
    l1Offset = 0
    l1Size = 0
    idBytes = id.spelledBytes
    nameBytes = Array(name.spelledBytes.prefix(SnapshotEntry.nameBytes))
    self.seconds = seconds
    self.nanoseconds = nanoseconds
    machineClock = 0
    stateSize = 0
    self.diskSize = diskSize
    instructionCount = 0
    extra = [UInt8](repeating: 0, count: SnapshotEntry.knownExtra)
  }
}

extension SnapshotSelector {
  /// The same in the driver's own words.
  init(_ selector: BlockGraph.SnapshotSelector) {
    switch selector {
    case .idOrName(let text): self.init(idOrName: text)
    case .exactly(let id, let name): self.init(id: id, name: name)
    }
  }
}
