// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Finds places for guest data, and lets the tables refer to it when it is there.
final class ClusterWriter: @unchecked Sendable {
  let mapping: MappingTables
  let allocator: ClusterAllocator
  let claims: ClaimedWrites
  let codec: ClusterCodec
  let guardian: OverlapGuard
  let files: FileSpace
  let geometry: Geometry

  init(_ mapping: MappingTables) {
    self.mapping = mapping
    allocator = mapping.allocator
    claims = mapping.claims
    codec = mapping.codec
    guardian = mapping.guardian
    files = mapping.files
    geometry = mapping.geometry
  }
}

/// Finding places for guest data.
extension ClusterWriter {
  /// How a guest cluster can be written.
  private enum Way: Equatable {
    /// At this host offset, where it is; tables stay as they are.
    case inPlace(UInt64)
    /// At this host offset, in space that it has; the entry changes.
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

  /// A place for a write at the start of a range, claimed until `finish`.
  func prepare(at offset: UInt64, length: UInt64, _ held: borrowing Held) throws(BlockError) -> WriteSlot {
    while true {
      try mapping.workOffFrees(held)
      let end = claims.writableEnd(offset, offset + length)
      guard end > offset else {
        held.wait()
        continue
      }
      guard let place = try mapping.writablePlace(of: offset, held) else { continue }
      // Reading tables may have let others in.
      guard claims.writableEnd(offset, end) == end else { continue }
      return codec.wholeSectors(try slot(at: offset, end: end, place, held), at: offset)
    }
  }

  private func slot(at offset: UInt64, end: UInt64, _ place: L2Place, _ held: borrowing Held)
    throws(BlockError)
    -> WriteSlot
  {
    let way = try way(of: place, step: 0, offset, end, held)
    let first = geometry.guestCluster(at: offset)
    let needed = Int(geometry.guestCluster(at: end - 1).index - first.index) + 1
    let wanted = min(needed, place.remaining)
    var count = 1
    var expected = way
    while count < wanted {
      expected = expected.next(geometry.clusterSize)
      let start = (first.index + UInt64(count)) << geometry.clusterBits
      guard try self.way(of: place, step: count, start, end, held) == expected else { break }
      count += 1
    }
    let skip = geometry.offsetInCluster(offset)
    func length(_ clusters: Int) -> UInt64 {
      min(end, (first.index + UInt64(clusters)) << geometry.clusterBits) - offset
    }
    switch way {
    case .inPlace(let host):
      try guardian.refuseOverlap(host, UInt64(count) << geometry.clusterBits, held)
      return claim(at: offset, length: length(count), host: host + skip)
    case .update(let host):
      try guardian.refuseOverlap(host, UInt64(count) << geometry.clusterBits, held)
      return claim(at: offset, length: length(count), place, host: host, isFresh: false)
    case .fresh:
      let (host, found) = try newSpace(for: first, count, held)
      return claim(at: offset, length: length(found), place, host: host, isFresh: true)
    }
  }

  /// How the cluster `step` clusters behind a place can be written from `start` to `end`.
  private func way(of place: L2Place, step: Int, _ start: UInt64, _ end: UInt64, _ held: borrowing Held)
    throws(BlockError) -> Way
  {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let entry = mapping.entry(bytes, place, plus: step)
    let bitmap = mapping.bitmap(bytes, place, plus: step)
    if step == 0 || entry.rawValue != 0 { try mapping.check(entry, bitmap, at: place, plus: step, held) }
    guard !entry.isCompressed, entry.isCopied, mapping.hasPlace(entry) else { return .fresh }
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
  private func newSpace(for first: GuestCluster, _ count: Int, _ held: borrowing Held) throws(BlockError) -> (
    UInt64, Int
  ) {
    if files.hasDataFile { return (geometry.offset(of: first), count) }
    let found = try allocator.take(UInt64(count), for: "data cluster", held)
    return (found.lowerBound << geometry.clusterBits, found.count)
  }

  /// Notes a write in progress to where the data is.
  private func claim(at offset: UInt64, length: UInt64, host: UInt64) -> WriteSlot {
    let clusters =
      geometry.guestCluster(at: offset).index..<geometry.guestCluster(at: offset + length - 1).index + 1
    let id = claims.claimInPlace(clusters)
    return WriteSlot(length: length, location: Extent.Location(files.dataSlot, host), allocation: id)
  }

  /// Notes a write in progress, and how much of what surrounds it has to be written along.
  private func claim(
    at offset: UInt64, length: UInt64, _ place: L2Place, host: UInt64, isFresh: Bool
  ) -> WriteSlot {
    let end = offset + length
    let first = geometry.guestCluster(at: offset).index
    let last = geometry.guestCluster(at: end - 1).index
    let before = fill(place, step: 0, isFresh, geometry.offsetInCluster(offset), isStart: true)
    let inLast = geometry.offsetInCluster(end - 1) + 1
    let after = fill(place, step: Int(last - first), isFresh, inLast, isStart: false)
    let firstSubcluster = geometry.subcluster(at: offset - before)
    let lastSubcluster = geometry.subcluster(at: end + after - 1) + 1
    let id = claims.claim(
      first..<last + 1, host: host, isFresh: isFresh, first: firstSubcluster, last: lastSubcluster)
    return WriteSlot(
      length: length, location: Extent.Location(files.dataSlot, host + geometry.offsetInCluster(offset)),
      fillBefore: before, fillAfter: after, allocation: id)
  }

  /// Bytes between the edge of a write, so far into its cluster, and the edge of what must be written with it.
  private func fill(_ place: L2Place, step: Int, _ isFresh: Bool, _ inCluster: UInt64, isStart: Bool)
    -> UInt64
  {
    let buffer = place.slice.buffer
    let bytes = buffer.bytes
    let entry = mapping.entry(bytes, place, plus: step)
    let bitmap = mapping.bitmap(bytes, place, plus: step)
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

  // MARK: Linking

  /// Lets the tables refer to what was written, or gives its place back.
  func finish(_ slot: WriteSlot, written: Bool, _ held: borrowing Held) throws(BlockError) {
    guard let id = slot.allocation else { return }
    defer { claims.release(id, held) }
    guard let write = claims.write(id) else { return }
    do throws(BlockError) {
      guard written else { return try giveBack(write, held) }
      try link(write, held)
    } catch {
      if written { try? giveBack(write, held) }
      throw error
    }
  }

  private func giveBack(_ write: ClaimedWrite, _ held: borrowing Held) throws(BlockError) {
    guard write.isFresh, !files.hasDataFile else { return }
    let first = write.host >> geometry.clusterBits
    try allocator.free(first..<first + UInt64(write.clusters.count), .failedWrite, held)
  }

  private func link(_ write: ClaimedWrite, _ held: borrowing Held) throws(BlockError) {
    let start = write.clusters.lowerBound << geometry.clusterBits
    var found = try mapping.writablePlace(of: start, held)
    while found == nil { found = try mapping.writablePlace(of: start, held) }
    guard let place = found else { return }
    let count = write.clusters.count
    for step in 0..<count {
      let buffer = place.slice.buffer
      let bytes = buffer.bytes
      let old = mapping.entry(bytes, place, plus: step)
      let oldBitmap = mapping.bitmap(bytes, place, plus: step)
      let host = write.host + UInt64(step) << geometry.clusterBits
      var bitmap = SubclusterBitmap(rawValue: 0)
      if geometry.hasExtendedL2 {
        let first = step == 0 ? write.firstSubcluster : 0
        let last = step == count - 1 ? write.lastSubcluster : UInt64(Qcow2Limits.subclusters)
        let mask = SubclusterBitmap.mask(first..<last)
        if !old.isCompressed { bitmap = oldBitmap }
        bitmap.allocated |= mask
        bitmap.zero &= ~mask
      }
      mapping.setEntry(L2Entry(data: host), bitmap, at: place, plus: step, held)
      if write.isFresh { mapping.freeLater(old, .other) }
    }
  }
}
