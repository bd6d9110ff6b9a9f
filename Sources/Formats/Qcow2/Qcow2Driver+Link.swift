// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Entering what was written into the tables.
extension Qcow2Driver {
  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard let allocation = inFlight.first(where: { $0.id == slot.allocation }) else { return }
    defer {
      // Those who wait look again, whatever became of it.
      inFlight.removeAll { $0.id == allocation.id }
      monitor.notifyAll()
    }
    guard allocation.effect != .none else { return }
    do throws(BlockError) {
      guard written else { return try giveBack(allocation, node) }
      try link(allocation, node)
    } catch {
      if written { try? giveBack(allocation, node) }
      throw error
    }
  }

  private func giveBack(_ allocation: Allocation, _ node: Node) throws(BlockError) {
    guard allocation.isFresh, !hasDataFile else { return }
    let first = allocation.host >> geometry.clusterBits
    try dropReferences(first..<first + UInt64(allocation.clusters.count), .other, node)
  }

  private func link(_ allocation: Allocation, _ node: Node) throws(BlockError) {
    let start = allocation.clusters.lowerBound << geometry.clusterBits
    var found = try writablePlace(of: start, node)
    while found == nil { found = try writablePlace(of: start, node) }
    guard let place = found else { return }
    let count = allocation.clusters.count
    for step in 0..<count {
      let buffer = place.slice.buffer
      let bytes = buffer.bytes
      let old = entry(bytes, place, plus: step)
      let oldBitmap = bitmap(bytes, place, plus: step)
      let host = allocation.host + UInt64(step) << geometry.clusterBits
      var bitmap = SubclusterBitmap(rawValue: 0)
      if geometry.hasExtendedL2 {
        let first = step == 0 ? allocation.firstSubcluster : 0
        let last = step == count - 1 ? allocation.lastSubcluster : UInt64(Qcow2Limits.subclusters)
        let mask = SubclusterBitmap.mask(first..<last)
        if !old.isCompressed { bitmap = oldBitmap }
        bitmap.allocated |= mask
        bitmap.zero &= ~mask
      }
      setEntry(L2Entry(data: host), bitmap, at: place, plus: step)
      if allocation.isFresh { noteFree(old, .other) }
    }
  }

  /// Notes that an entry's clusters have one reference less, once the tables are in the file.
  func noteFree(_ entry: L2Entry, _ reason: PendingFrees.Reason) {
    guard !hasDataFile else { return }
    if entry.isCompressed {
      let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
      pendingFrees.add(clusters.lowerBound..<clusters.upperBound + 1, reason)
      compressed.forget()
    } else if entry.offset != 0 {
      let cluster = entry.offset >> geometry.clusterBits
      pendingFrees.add(cluster..<cluster + 1, reason)
    }
  }

  /// Gives an L1 entry a table of its own: an empty one, or a copy of one that a snapshot has too.
  func makeL2Table(_ index: Int, _ node: Node) throws(BlockError) {
    let old = L1Entry(rawValue: l1[index])
    guard geometry.offsetInCluster(old.offset) == 0 else {
      throw damage(
        "L2 table offset 0x\(hex(old.offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", node)
    }
    let cluster = try allocate(1, for: "L2 table", node).lowerBound
    let offset = cluster << geometry.clusterBits
    do throws(BlockError) {
      if old.offset == 0 {
        try clearCluster(at: offset, node)
      } else {
        try copyL2Table(from: old.offset, to: offset, node)
      }
    } catch {
      try? dropReferences(cluster..<cluster + 1, .other, node)
      throw error
    }
    l2Cache.drop(from: offset, bytes: geometry.clusterSize)
    metadataMap?.insert(cluster)
    l1[index] = L1Entry(table: offset).rawValue
    if old.offset != 0 {
      let first = old.offset >> geometry.clusterBits
      pendingFrees.add(first..<first + 1, .other)
    }
  }

  /// Whoever shares the table does not write it, so that the file has all of it.
  private func copyL2Table(from source: UInt64, to target: UInt64, _ node: Node) throws(BlockError) {
    let file = try file(of: node)
    let piece = min(geometry.clusterSize, 64 << 10)
    let buffer = Buffer(count: Int(piece))
    var done: UInt64 = 0
    while done < geometry.clusterSize {
      var bytes = buffer.mutableBytes
      try file.read(at: source + done, into: &bytes)
      try file.write(at: target + done, from: buffer.bytes)
      done += piece
    }
    requiredEnd = max(requiredEnd, target + geometry.clusterSize)
  }
}
