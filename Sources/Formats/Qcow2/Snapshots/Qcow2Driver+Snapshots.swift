// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Taking, restoring and forgetting snapshots.
///
/// References are counted up, and tables written, before the header points to what needs them; one write to the
/// header is the moment of change; references are counted down after it.
extension Qcow2Driver: SnapshottingDriver {
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
    try changeActive(.raise, node)
    var undone = true
    var taken: [Range<UInt64>] = []
    do throws(BlockError) {
      let copy = try placeCopy(of: l1, node)
      taken.append(copy.clusters)
      entry.l1Offset = copy.table.offset
      entry.l1Size = UInt32(copy.table.count)
      let place = try placeSnapshotTable(snapshots + [entry], node)
      taken.append(place.clusters)
      try writeRefcounts(node)
      try l1.write(to: file(of: node))
      try barrier(node)
      let old = presentSnapshotTable.clusters
      undone = false
      try switchSnapshotTable(to: place, node, undone: &undone)
      try dropReferences(old, .other, node)
    } catch {
      // Where the snapshot may be there, it keeps its references; they are lost space at worst.
      if undone { try? takeBackSnapshot(taken, node) }
      throw error
    }
  }

  private func takeBackSnapshot(_ taken: [Range<UInt64>], _ node: Node) throws(BlockError) {
    for clusters in taken { try dropReferences(clusters, .other, node) }
    try changeActive(.lower, node)
    try restoreMarks(node)
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
      throw BlockError(.notFound, "No such file or directory")
    }
    try entry.check(header)
    var table = try TableInMemory(offset: entry.l1Offset, count: Int(entry.l1Size), from: file(of: node))
    try change(.raise, &table, node)
    let newLength = entry.diskSize ?? header.size
    let old = l1
    let copy: (table: TableInMemory, clusters: Range<UInt64>)
    do throws(BlockError) {
      copy = try placeCopy(of: table, node)
      try writeRefcounts(node)
      try barrier(node)
      try writeLength(newLength, copy.table, node)
    } catch {
      try? change(.lower, &table, node)
      try? restoreMarks(node)
      throw error
    }
    l1 = copy.table
    length = newLength / 512 * 512
    try barrier(node)
    var former = old
    try change(.lower, &former, node)
    let first = old.offset >> geometry.clusterBits
    try dropReferences(first..<first + geometry.clusters(covering: old.byteCount), .other, node)
  }

  func deleteSnapshot(_ selector: BlockGraph.SnapshotSelector, of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    try settle(node)
    guard let entry = SnapshotTable.find(SnapshotSelector(selector), in: snapshots),
      let index = snapshots.firstIndex(of: entry)
    else { throw BlockError(.notFound, "snapshot not found") }
    try entry.check(header)
    var table = try TableInMemory(offset: entry.l1Offset, count: Int(entry.l1Size), from: file(of: node))
    var rest = snapshots
    rest.remove(at: index)
    let old = presentSnapshotTable.clusters
    let place = try placeSnapshotTable(rest, node)
    var undone = true
    do throws(BlockError) {
      try writeRefcounts(node)
      try barrier(node)
      undone = false
      try switchSnapshotTable(to: place, node, undone: &undone)
    } catch {
      if undone { try? dropReferences(place.clusters, .other, node) }
      throw error
    }
    try dropReferences(old, .other, node)
    defer { compressed.forget() }
    do throws(BlockError) {
      try change(.lower, &table, node)
      let first = entry.l1Offset >> geometry.clusterBits
      try dropReferences(first..<first + geometry.clusters(covering: table.byteCount), .other, node)
      try restoreMarks(node)
    } catch {
      try? restoreMarks(node)
      throw error
    }
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

  /// Makes marks in the active tables agree with refcounts, and writes all of it.
  private func restoreMarks(_ node: Node) throws(BlockError) {
    try changeActive(.mark, node)
    try writeRefcounts(node)
    try barrier(node)
    try l1.write(to: file(of: node))
  }

  /// Writes a table to free clusters.
  private func placeCopy(of table: TableInMemory, _ node: Node) throws(BlockError)
    -> (table: TableInMemory, clusters: Range<UInt64>)
  {
    let count = max(table.count, 1)
    let clusters = try allocate(
      geometry.clusters(covering: UInt64(count) * 8), exactly: true, for: "L1 table", node)
    var copy = table.moved(to: clusters.lowerBound << geometry.clusterBits, count: table.count)
    do throws(BlockError) {
      try copy.write(to: file(of: node))
    } catch {
      try? dropReferences(clusters, .other, node)
      throw error
    }
    requiredEnd = max(requiredEnd, copy.offset + copy.byteCount)
    for cluster in clusters { metadataMap?.insert(cluster) }
    return (copy, clusters)
  }
}

extension SnapshotEntry {
  /// Bytes of a name that the peer can hold.
  private static let nameBytes = 255

  /// An entry for a new snapshot without saved machine state; its L1 table is still to be placed.
  init(id: String, name: String, diskSize: UInt64, seconds: UInt32, nanoseconds: UInt32) {
    l1Offset = 0
    l1Size = 0
    idBytes = Array(id.utf8)
    nameBytes = Array(name.utf8.prefix(SnapshotEntry.nameBytes))
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
