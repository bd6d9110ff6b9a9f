// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Taking, restoring and forgetting snapshots, each as one exchange of tables: a crash leaves the image as it was
/// before or as it is after, with space unaccounted for at worst.
extension Qcow2Driver: SnapshottingDriver {
  /// The snapshot gets the tables that were active; the disk goes on with others, without marks.
  func createSnapshot(_ name: String, seconds: UInt32, nanoseconds: UInt32, of node: Node) throws(BlockError)
  {
    monitor.lock()
    defer { monitor.unlock() }
    try settle(node)
    guard snapshots.count < Int(Qcow2Limits.snapshots) else {
      throw BlockError(
        .tooLarge, "the image has \(snapshots.count) snapshots, which is as many as it can hold")
    }
    var entry = SnapshotEntry(
      id: SnapshotTable.nextID(snapshots), name: name, diskSize: header.size, seconds: seconds,
      nanoseconds: nanoseconds)
    try refuseFullCounts(l1, node)
    entry.l1Offset = l1.offset
    entry.l1Size = UInt32(l1.count)
    let formerTable = presentSnapshotTable.clusters
    do throws(BlockError) {
      try exchangeTables(node) { (tables: inout TableSet) throws(BlockError) in
        try share(&tables.l1, node)
        try move(&tables.l1, node)
        tables.snapshots = try placeSnapshotTable(snapshots + [entry], node)
      }
    } catch {
      guard canGoOn(withoutRoom: error) else { throw error }
      try createInPlace(entry, node)
    }
    try dropReferences(formerTable, .other, node)
  }

  func applySnapshot(_ selector: BlockGraph.SnapshotSelector, of node: Node) throws(BlockError) {
    try monitor.withLock { () throws(BlockError) in try applyHeld(selector, node) }
    node.childResized()
  }

  private func applyHeld(_ selector: BlockGraph.SnapshotSelector, _ node: Node) throws(BlockError) {
    guard bitmapInformation.isEmpty else {
      throw BlockError(.refused, "Device has active dirty bitmaps")
    }
    try settle(node)
    guard let entry = SnapshotTable.find(SnapshotSelector(selector), in: snapshots) else {
      throw BlockError(.notFound, "No such file or directory", advice: SnapshotTable.listAdvice)
    }
    let table = try l1Table(of: entry, node)
    try refuseFullCounts(table, node)
    let former = l1
    do throws(BlockError) {
      try exchangeTables(node) { (tables: inout TableSet) throws(BlockError) in
        tables.l1 = table
        try share(&tables.l1, node)
        try move(&tables.l1, node)
        tables.length = entry.diskSize ?? header.size
      }
    } catch {
      guard canGoOn(withoutRoom: error), table.byteCount <= spaceOfL1 else { throw error }
      return try applyInPlace(table, length: entry.diskSize ?? header.size, node)
    }
    // What the snapshot has too keeps a reference, so no mark changes with this.
    try countDown(former, .snapshot, node)
    try giveBack(l1: former, .other, node)
  }

  func deleteSnapshot(_ selector: BlockGraph.SnapshotSelector, of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    try settle(node)
    guard let entry = SnapshotTable.find(SnapshotSelector(selector), in: snapshots),
      let index = snapshots.firstIndex(of: entry)
    else { throw BlockError(.notFound, "snapshot not found") }
    let table = try l1Table(of: entry, node)
    var rest = snapshots
    rest.remove(at: index)
    let former = (l1: l1, snapshotTable: presentSnapshotTable.clusters)
    do throws(BlockError) {
      try exchangeTables(node) { (tables: inout TableSet) throws(BlockError) in
        // Everything is placed before anything is counted down: what becomes free is still in use in the file.
        tables.snapshots = try placeSnapshotTable(rest, node)
        try move(&tables.l1, node)
        var spare = try SpareTables(for: tables.l1, node, self)
        try countDown(table, .later, node)
        try setMarks(&tables.l1, &spare, node)
        try spare.giveBack(node, self)
      }
    } catch {
      guard canGoOn(withoutRoom: error) else { throw error }
      return try deleteInPlace(index, table, node)
    }
    try dropReferences(former.snapshotTable, .other, node)
    try giveBack(tablesReplacedIn: former.l1, node)
    try giveBack(l1: table, .snapshot, node)
    try discardFreed(table, node)
    compressed.forget()
  }

  // MARK: Steps

  /// Brings the file up to date, so that it can be read past the caches, which are emptied.
  private func settle(_ node: Node) throws(BlockError) {
    try prepareForChanges(node)
    guard !hasDataFile else { throw BlockError(.unsupported, "Operation not supported") }
    waitForWrites(0..<UInt64.max)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    for index in 0..<l1.count {
      let offset = L1Entry(rawValue: l1[index]).offset
      if offset != 0 { l2Cache.drop(from: offset, bytes: geometry.clusterSize) }
    }
    compressedEnd = 0
    compressed.forget()
  }

  private func l1Table(of entry: SnapshotEntry, _ node: Node) throws(BlockError) -> TableInMemory {
    try entry.check(header)
    return try TableInMemory(offset: entry.l1Offset, count: Int(entry.l1Size), from: file(of: node))
  }

  /// Gives a former L1 table back, and the L2 tables for which the present one has others.
  private func giveBack(tablesReplacedIn former: TableInMemory, _ node: Node) throws(BlockError) {
    for index in 0..<former.count {
      let offset = L1Entry(rawValue: former[index]).offset
      guard offset != 0, L1Entry(rawValue: l1[index]).offset != offset else { continue }
      let cluster = offset >> geometry.clusterBits
      pendingFrees.add(cluster..<cluster + 1, .snapshot)
    }
    try applyPendingFrees(node)
    try giveBack(l1: former, .other, node)
  }
}

extension SnapshotEntry {
  /// Bytes of a name that the peer can hold.
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
