// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// A write in progress, whose clusters are linked when its data is there.
struct Allocation {
  /// What the write does to the tables.
  enum Effect {
    /// Nothing: the data goes where it was. Others may write there too, but the place must not get to be another's.
    case none
    /// The entries change; the clusters are the guest's already.
    case update
    /// The entries change; the clusters were taken for this write and have to be given back if it fails.
    case fresh
  }

  let id: UInt64
  /// The guest clusters written; all in one L2 table, unless they are compressed.
  var clusters: Range<UInt64>
  /// Where the first of them goes in the file that holds guest data; the others follow.
  let host: UInt64
  let effect: Effect
  /// The first subcluster written in the first cluster.
  let firstSubcluster: UInt64
  /// The subcluster behind the last one written in the last cluster.
  let lastSubcluster: UInt64
  /// Where each cluster goes if they are compressed, and then all that counts of a place.
  var compressed: [L2Entry] = []

  /// Whether the host clusters are not in the tables yet.
  var isFresh: Bool { effect == .fresh }
}

extension Allocation {
  /// Compressed clusters on their way.
  init(id: UInt64, clusters: Range<UInt64>, compressed: [L2Entry]) {
    self.init(
      id: id, clusters: clusters, host: 0, effect: .fresh, firstSubcluster: 0, lastSubcluster: 0,
      compressed: compressed)
  }
}

/// Finding places for guest data.
extension Qcow2Driver {
  /// How a guest cluster can be written.
  private enum Way: Equatable {
    /// Where it is; tables stay as they are.
    case inPlace(UInt64)
    /// Where its space is; the entry changes.
    case update(UInt64)
    /// In new space.
    case fresh

    /// The same way one cluster further on.
    func next(_ clusterSize: UInt64) -> Way {
      switch self {
      case .inPlace(let host): .inPlace(host &+ clusterSize)
      case .update(let host): .update(host &+ clusterSize)
      case .fresh: .fresh
      }
    }
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    monitor.lock()
    defer { monitor.unlock() }
    try prepareForChanges(node)
    try noteChange(at: offset, length: length, node)
    while true {
      try workOffFrees(node)
      let end = unclaimedEnd(offset, offset + length, changingTables: true)
      guard end > offset else {
        monitor.wait()
        continue
      }
      guard let place = try writablePlace(of: offset, node) else { continue }
      // Reading tables may have let others in.
      guard unclaimedEnd(offset, end, changingTables: true) == end else { continue }
      return wholeSectors(try slot(at: offset, end: end, place, node), at: offset)
    }
  }

  /// The end of the part of a range that no write in progress has claimed; the start where its first cluster is.
  ///
  /// With `changingTables`, writes that leave tables as they are do not count.
  private func unclaimedEnd(_ start: UInt64, _ end: UInt64, changingTables: Bool) -> UInt64 {
    var result = end
    let first = geometry.guestCluster(at: start).index
    for allocation in inFlight where allocation.clusters.upperBound > first {
      if changingTables, allocation.effect == .none { continue }
      let claimed = max(allocation.clusters.lowerBound, first) << geometry.clusterBits
      if claimed < result { result = max(claimed, start) }
    }
    return result
  }

  /// Waits until no write in progress claims any cluster of a range.
  func waitForWrites(_ range: Range<UInt64>) {
    while isClaimed(range) { monitor.wait() }
  }

  /// Whether a write in progress claims any cluster of a range.
  func isClaimed(_ range: Range<UInt64>) -> Bool {
    unclaimedEnd(range.lowerBound, range.upperBound, changingTables: false) != range.upperBound
  }

  /// The place of an entry in an L2 table that may be changed, or nil where the caller has to look again.
  func writablePlace(of offset: UInt64, _ node: Node) throws(BlockError) -> L2Place? {
    let index = geometry.l1Index(at: offset)
    guard index < UInt64(l1.count) else {
      throw BlockError(.inputOutput, "offset \(offset) has no place in the L1 table")
    }
    let entry = l1Entry(index)
    if entry.offset == 0 || !entry.isCopied { try makeL2Table(Int(index), node) }
    guard let place = try place(of: offset, node), l1Entry(index).isCopied else { return nil }
    return place
  }

  private func slot(at offset: UInt64, end: UInt64, _ place: L2Place, _ node: Node) throws(BlockError)
    -> WriteSlot
  {
    let way = try way(of: place, step: 0, offset, end, node)
    let first = geometry.guestCluster(at: offset)
    let needed = Int(geometry.guestCluster(at: end - 1).index - first.index) + 1
    let wanted = min(needed, place.remaining)
    var count = 1
    var expected = way
    while count < wanted {
      expected = expected.next(geometry.clusterSize)
      let start = (first.index + UInt64(count)) << geometry.clusterBits
      guard try self.way(of: place, step: count, start, end, node) == expected else { break }
      count += 1
    }
    let skip = geometry.offsetInCluster(offset)
    func length(_ clusters: Int) -> UInt64 {
      min(end, (first.index + UInt64(clusters)) << geometry.clusterBits) - offset
    }
    switch way {
    case .inPlace(let host):
      try refuseOverlap(host, UInt64(count) << geometry.clusterBits, node)
      return claim(at: offset, length: length(count), host: host + skip)
    case .update(let host):
      try refuseOverlap(host, UInt64(count) << geometry.clusterBits, node)
      return claim(at: offset, length: length(count), place, host: host, .update)
    case .fresh:
      let (host, found) = try newSpace(for: first, count, node)
      return claim(at: offset, length: length(found), place, host: host, .fresh)
    }
  }

  /// How the cluster `step` clusters behind a place can be written from `start` to `end`.
  private func way(of place: L2Place, step: Int, _ start: UInt64, _ end: UInt64, _ node: Node)
    throws(BlockError) -> Way
  {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let entry = entry(bytes, place, plus: step)
    let bitmap = bitmap(bytes, place, plus: step)
    if step == 0 || entry.rawValue != 0 { try check(entry, bitmap, at: place, plus: step, node) }
    guard !entry.isCompressed, entry.isCopied, hasPlace(entry) else { return .fresh }
    if geometry.hasExtendedL2 {
      let mask = SubclusterBitmap.mask(subclusters(start, end))
      return bitmap.allocated & mask == mask ? .inPlace(entry.offset) : .update(entry.offset)
    }
    return entry.hasZeroBit ? .update(entry.offset) : .inPlace(entry.offset)
  }

  /// The subclusters of the cluster at `start` that a range touches.
  func subclusters(_ start: UInt64, _ end: UInt64) -> Range<UInt64> {
    guard geometry.hasExtendedL2 else { return 0..<1 }
    let base = start - geometry.offsetInCluster(start)
    let stop = min(end - base, geometry.clusterSize)
    return geometry.subcluster(at: start)..<(stop - 1) >> geometry.subclusterBits + 1
  }

  /// Free space for guest clusters: in the data file at the guest's own offset, which makes it a plain image.
  private func newSpace(for first: GuestCluster, _ count: Int, _ node: Node) throws(BlockError) -> (
    UInt64, Int
  ) {
    if hasDataFile { return (geometry.offset(of: first), count) }
    let found = try allocate(UInt64(count), for: "data cluster", node)
    return (found.lowerBound << geometry.clusterBits, found.count)
  }

  /// Notes a write in progress to where the data is.
  private func claim(at offset: UInt64, length: UInt64, host: UInt64) -> WriteSlot {
    let clusters =
      geometry.guestCluster(at: offset).index..<geometry.guestCluster(at: offset + length - 1).index + 1
    let id = note(clusters, host: host, .none)
    return WriteSlot(length: length, location: Extent.Location(dataSlot, host), allocation: id)
  }

  /// Notes a write in progress, and how much of what surrounds it has to be written along.
  private func claim(
    at offset: UInt64, length: UInt64, _ place: L2Place, host: UInt64, _ effect: Allocation.Effect
  ) -> WriteSlot {
    let end = offset + length
    let isFresh = effect == .fresh
    let first = geometry.guestCluster(at: offset).index
    let last = geometry.guestCluster(at: end - 1).index
    let before = fill(place, step: 0, isFresh, geometry.offsetInCluster(offset), isStart: true)
    let inLast = geometry.offsetInCluster(end - 1) + 1
    let after = fill(place, step: Int(last - first), isFresh, inLast, isStart: false)
    let firstSubcluster = geometry.subcluster(at: offset - before)
    let lastSubcluster = geometry.subcluster(at: end + after - 1) + 1
    let id = note(
      first..<last + 1, host: host, effect, first: firstSubcluster, last: lastSubcluster)
    return WriteSlot(
      length: length, location: Extent.Location(dataSlot, host + geometry.offsetInCluster(offset)),
      fillBefore: before, fillAfter: after, allocation: id)
  }

  private func note(
    _ clusters: Range<UInt64>, host: UInt64, _ effect: Allocation.Effect, first: UInt64 = 0, last: UInt64 = 0
  ) -> UInt64 {
    defer { nextAllocation += 1 }
    inFlight.append(
      Allocation(
        id: nextAllocation, clusters: clusters, host: host, effect: effect, firstSubcluster: first,
        lastSubcluster: last))
    return nextAllocation
  }

  /// Bytes between the edge of a write, so far into its cluster, and the edge of what must be written with it.
  private func fill(_ place: L2Place, step: Int, _ isFresh: Bool, _ inCluster: UInt64, isStart: Bool)
    -> UInt64
  {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let entry = entry(bytes, place, plus: step)
    let bitmap = bitmap(bytes, place, plus: step)
    var unit = geometry.subclusterSize
    if isFresh, entry.isCompressed || bitmap.allocated != 0 {
      // New space for a cluster that has data: all of it moves.
      unit = geometry.clusterSize
    } else if !isFresh, geometry.hasExtendedL2 {
      let subcluster =
        isStart ? inCluster >> geometry.subclusterBits : (inCluster - 1) >> geometry.subclusterBits
      if bitmap.allocated & SubclusterBitmap.mask(subcluster..<subcluster + 1) != 0 { return 0 }
    }
    let over = inCluster % unit
    if isStart { return over }
    return over == 0 ? 0 : unit - over
  }
}
