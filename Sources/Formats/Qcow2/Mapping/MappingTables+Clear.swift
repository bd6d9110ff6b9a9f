// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Making clusters read as zero, and giving their space back.
extension MappingTables {
  /// The state that a cleared cluster gets.
  enum Clearing {
    /// Zeros; the space is kept.
    case zeroKeepingSpace
    /// Zeros; the space is free.
    case zero
    /// As if it had never been written.
    case unallocated
  }

  /// Clears the whole clusters of a range; the last one of the image may be cut short by its end.
  func clear(_ range: Range<UInt64>, _ way: Clearing, isDiscard: Bool, _ held: borrowing Held)
    throws(BlockError)
  {
    var position = range.lowerBound
    while position < range.upperBound {
      try workOffFrees(held)
      let table = (geometry.l1Index(at: position) + 1) << geometry.l2SpanBits
      if l1Entry(geometry.l1Index(at: position)).offset == 0, isDiscard || way == .unallocated {
        // Nothing here; zeros that were written get a table, as in `qemu-img`'s images, and discards leave nothing.
        position = min(table, range.upperBound)
        continue
      }
      let end = min(table, range.upperBound)
      claims.wait(for: position..<end, held)
      guard let place = try writablePlace(of: position, held) else { continue }
      guard !claims.isClaimed(position..<end) else { continue }
      let clusters = geometry.clusters(covering: end - position)
      let count = min(Int(clamping: clusters), place.remaining)
      for step in 0..<count { try clearCluster(at: place, plus: step, way, isDiscard, held) }
      position += UInt64(count) << geometry.clusterBits
    }
  }

  /// Whether something could show through, now or later, where nothing is allocated.
  func hidesBacking(_ node: Node) -> Bool {
    node.backing != nil || node.flags.contains(.storesZeroes)
  }

  private func clearCluster(
    at place: L2Place, plus step: Int, _ way: Clearing, _ isDiscard: Bool, _ held: borrowing Held
  ) throws(BlockError) {
    let buffer = place.slice.buffer
    let old = entry(buffer.bytes, place, plus: step)
    let bitmap = bitmap(buffer.bytes, place, plus: step)
    try check(old, bitmap, at: place, plus: step, held)
    let hasSpace = old.isCompressed || hasPlace(old)
    let hidesNothing = isDiscard && !hidesBacking(held.node)
    if !hasSpace && (way == .unallocated || hidesNothing) && !hasZeros(old, bitmap) { return }
    if way == .zeroKeepingSpace && hasSpace && !old.isCompressed {
      setZero(old, at: place, plus: step, held)
      return
    }
    if way == .unallocated {
      setEntry(.unallocated, at: place, plus: step, held)
    } else {
      setZero(.unallocated, at: place, plus: step, held)
    }
    freeLater(old, .request)
    if files.hasDataFile, hasSpace, allocator.passesDiscard(.request, held) {
      // A failure does no harm: the entry alone decides how the range reads.
      try? files.dataFile(held).discard(at: old.offset, length: geometry.clusterSize)
    }
  }

  private func hasZeros(_ entry: L2Entry, _ bitmap: SubclusterBitmap) -> Bool {
    geometry.hasExtendedL2 ? bitmap.zero != 0 : entry.hasZeroBit
  }

  /// Lets a cluster read as zeros, with the space that `entry` has.
  private func setZero(_ entry: L2Entry, at place: L2Place, plus step: Int, _ held: borrowing Held) {
    if geometry.hasExtendedL2 {
      setEntry(entry, SubclusterBitmap(allocated: 0, zero: .max), at: place, plus: step, held)
    } else {
      setEntry(L2Entry(rawValue: entry.rawValue | L2Entry.zeroBit), at: place, plus: step, held)
    }
  }

  // MARK: Giving up

  /// Gives up all clusters of a range and the L2 tables that hold nothing else.
  func giveUp(
    from start: UInt64, to end: UInt64, _ reason: PendingFrees.Reason, _ held: borrowing Held
  ) throws(BlockError) {
    let end = min(end, UInt64(l1.count) << geometry.l2SpanBits)
    var position = start
    while position < end {
      try workOffFrees(held)
      let index = geometry.l1Index(at: position)
      let tableEnd = min((index + 1) << geometry.l2SpanBits, end)
      guard l1Entry(index).offset != 0 else {
        let empty = UInt64(l1.emptyRun(from: Int(index), to: l1.count, mask: L1Entry.offsetMask))
        position = min((index + empty) << geometry.l2SpanBits, end)
        continue
      }
      claims.wait(for: position..<tableEnd, held)
      guard let seen = try place(of: position, held) else { continue }
      let count = min(Int(clamping: geometry.clusters(covering: tableEnd - position)), seen.remaining)
      // A table that is shared with a snapshot is left to it where there is nothing to give up.
      if hasAny(seen, count) {
        // Reading tables may have let others in.
        guard let place = try writablePlace(of: position, held), !claims.isClaimed(position..<tableEnd) else {
          continue
        }
        for step in 0..<count {
          let buffer = place.slice.buffer
          let old = entry(buffer.bytes, place, plus: step)
          guard old.rawValue != 0 || bitmap(buffer.bytes, place, plus: step).rawValue != 0 else { continue }
          setEntry(.unallocated, at: place, plus: step, held)
          freeLater(old, reason)
        }
      }
      position += UInt64(count) << geometry.clusterBits
      if position >= tableEnd, start <= index << geometry.l2SpanBits { giveUpTable(Int(index), held) }
    }
  }

  private func hasAny(_ place: L2Place, _ count: Int) -> Bool {
    let buffer = place.slice.buffer
    let start = place.indexInSlice * geometry.l2EntryBytes
    return !buffer.bytes.slice(start..<start + count * geometry.l2EntryBytes).isZero
  }

  private func giveUpTable(_ index: Int, _ held: borrowing Held) {
    let offset = L1Entry(rawValue: l1[index]).offset
    clearTable(index)
    forgetTable(at: offset, held)
    let cluster = offset >> geometry.clusterBits
    allocator.freeLater(cluster..<cluster + 1, .other)
  }
}
