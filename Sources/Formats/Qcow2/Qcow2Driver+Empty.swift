// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

extension Qcow2Driver {
  func makeEmpty(_ node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard !isDataRaw else {
      throw BlockError(.unsupported, "an image with a raw data file cannot be emptied")
    }
    try prepareForChanges(node)
    waitForWrites(0..<length)
    try giveUp(from: 0, to: length, .request, node)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    // Nothing may go on behind what is gone.
    compressedEnd = 0
    compressed.forget()
    try giveBackIdleBlocks(node)
    if !hasDataFile { try cutFile(node) }
  }

  /// Gives up all clusters of a range and the L2 tables that hold nothing else.
  func giveUp(
    from start: UInt64, to end: UInt64, _ reason: PendingFrees.Reason, _ node: Node
  ) throws(BlockError) {
    let end = min(end, UInt64(l1.count) << geometry.l2SpanBits)
    var position = start
    while position < end {
      try workOffFrees(node)
      let index = geometry.l1Index(at: position)
      let tableEnd = min((index + 1) << geometry.l2SpanBits, end)
      guard l1Entry(index).offset != 0 else {
        let empty = UInt64(l1.emptyRun(from: Int(index), to: l1.count, mask: L1Entry.offsetMask))
        position = min((index + empty) << geometry.l2SpanBits, end)
        continue
      }
      waitForWrites(position..<tableEnd)
      guard let seen = try place(of: position, node) else { continue }
      let count = min(Int(clamping: geometry.clusters(covering: tableEnd - position)), seen.remaining)
      // A table that is shared with a snapshot is left to it where there is nothing to give up.
      if hasAny(seen, count) {
        // Reading tables may have let others in.
        guard let place = try writablePlace(of: position, node), !isClaimed(position..<tableEnd) else {
          continue
        }
        for step in 0..<count {
          let buffer = place.slice.buffer
          let old = entry(buffer.bytes, place, plus: step)
          guard old.rawValue != 0 || bitmap(buffer.bytes, place, plus: step).rawValue != 0 else { continue }
          setEntry(.unallocated, at: place, plus: step)
          noteFree(old, reason)
        }
      }
      position += UInt64(count) << geometry.clusterBits
      if position >= tableEnd, start <= index << geometry.l2SpanBits { giveUpTable(Int(index)) }
    }
  }

  private func hasAny(_ place: L2Place, _ count: Int) -> Bool {
    let buffer = place.slice.buffer
    let start = place.indexInSlice * geometry.l2EntryBytes
    return !buffer.bytes.slice(start..<start + count * geometry.l2EntryBytes).isZero
  }

  private func giveUpTable(_ index: Int) {
    let offset = L1Entry(rawValue: l1[index]).offset
    l1[index] = 0
    l2Cache.drop(from: offset, bytes: geometry.clusterSize)
    let cluster = offset >> geometry.clusterBits
    pendingFrees.add(cluster..<cluster + 1, .other)
  }
}
