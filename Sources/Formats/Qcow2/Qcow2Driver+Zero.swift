// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Making clusters read as zero, and giving their space back.
extension Qcow2Driver {
  /// What becomes of a cluster.
  private enum Clearing {
    /// Zeros; the space is kept.
    case zeroKeepingSpace
    /// Zeros; the space is free.
    case zero
    /// As if it had never been written.
    case unallocated
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    monitor.lock()
    defer { monitor.unlock() }
    // Version 2 cannot hide a backing file behind zeros.
    if header.version < 3 && hidesBacking(node) { return false }
    // Zeros in the data file would decrypt to noise.
    if isDataRaw && isEncrypted { return false }
    try prepareForChanges(node)
    try noteChange(at: offset, length: length, node)
    let keepsSpace = !mayUnmap || options.discardNoUnref
    let way: Clearing = header.version < 3 ? .unallocated : keepsSpace ? .zeroKeepingSpace : .zero
    if isDataRaw { try zeroRawData(offset, length, mayUnmap: mayUnmap, node) }
    try clear(offset..<offset + length, way, isDiscard: false, node)
    return true
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap) else { return }
    monitor.lock()
    defer { monitor.unlock() }
    // Without zero clusters, discarding would bring old content of the backing file to light.
    if (header.version < 3 && hidesBacking(node)) || (isDataRaw && isEncrypted) { return }
    try prepareForChanges(node)
    try noteChange(at: offset, length: length, node)
    let way: Clearing =
      header.version < 3 ? .unallocated : options.discardNoUnref ? .zeroKeepingSpace : .zero
    if isDataRaw { try zeroRawData(offset, length, mayUnmap: true, node) }
    try clear(offset..<offset + length, way, isDiscard: true, node)
  }

  /// A raw data file must read the same without the tables.
  private func zeroRawData(_ offset: UInt64, _ length: UInt64, mayUnmap: Bool, _ node: Node)
    throws(BlockError)
  {
    waitForWrites(offset..<offset + length)
    try dataFile(of: node).writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
  }

  /// Clears the whole clusters of a range; the last one of the image may be cut short by its end.
  private func clear(_ range: Range<UInt64>, _ way: Clearing, isDiscard: Bool, _ node: Node)
    throws(BlockError)
  {
    var position = range.lowerBound
    while position < range.upperBound {
      try workOffFrees(node)
      let table = (geometry.l1Index(at: position) + 1) << geometry.l2SpanBits
      if l1Entry(geometry.l1Index(at: position)).offset == 0, isDiscard || way == .unallocated {
        // Nothing here; zeros that were written get a table, as in the peer's images, and discards leave nothing.
        position = min(table, range.upperBound)
        continue
      }
      let end = min(table, range.upperBound)
      waitForWrites(position..<end)
      guard let place = try writablePlace(of: position, node) else { continue }
      guard !isClaimed(position..<end) else { continue }
      let clusters = geometry.clusters(covering: end - position)
      let count = min(Int(clamping: clusters), place.remaining)
      for step in 0..<count { try clearCluster(at: place, plus: step, way, isDiscard, node) }
      position += UInt64(count) << geometry.clusterBits
    }
  }

  /// Whether something could show through, now or later, where nothing is allocated.
  private func hidesBacking(_ node: Node) -> Bool {
    node.backing != nil || node.flags.contains(.storesZeroes)
  }

  private func clearCluster(
    at place: L2Place, plus step: Int, _ way: Clearing, _ isDiscard: Bool, _ node: Node
  ) throws(BlockError) {
    let buffer = place.slice.buffer
    let old = entry(buffer.bytes, place, plus: step)
    let bitmap = bitmap(buffer.bytes, place, plus: step)
    try check(old, bitmap, at: place, plus: step, node)
    let hasSpace = old.isCompressed || hasPlace(old)
    let hidesNothing = isDiscard && !hidesBacking(node)
    if !hasSpace && (way == .unallocated || hidesNothing) && !hasZeros(old, bitmap) { return }
    if way == .zeroKeepingSpace && hasSpace && !old.isCompressed {
      setZero(old, at: place, plus: step)
      return
    }
    if way == .unallocated {
      setEntry(.unallocated, at: place, plus: step)
    } else {
      setZero(.unallocated, at: place, plus: step)
    }
    noteFree(old, .request)
    if hasDataFile, hasSpace, options.passDiscardRequest ?? node.flags.contains(.unmap) {
      // What the range reads as does not depend on it.
      try? dataFile(of: node).discard(at: old.offset, length: geometry.clusterSize)
    }
  }

  private func hasZeros(_ entry: L2Entry, _ bitmap: SubclusterBitmap) -> Bool {
    geometry.hasExtendedL2 ? bitmap.zero != 0 : entry.hasZeroBit
  }

  /// Lets a cluster read as zeros, with the space that `entry` has.
  private func setZero(_ entry: L2Entry, at place: L2Place, plus step: Int) {
    if geometry.hasExtendedL2 {
      setEntry(entry, SubclusterBitmap(allocated: 0, zero: .max), at: place, plus: step)
    } else {
      setEntry(L2Entry(rawValue: entry.rawValue | L2Entry.zeroBit), at: place, plus: step)
    }
  }
}
