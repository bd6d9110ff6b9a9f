// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Tables that may be changed, and what changing them gives up.
extension MappingTables {
  /// The place of an entry in an L2 table that may be changed, or nil where the caller has to look again.
  func writablePlace(of offset: UInt64, _ held: borrowing Held) throws(BlockError) -> L2Place? {
    let index = geometry.l1Index(at: offset)
    guard index < UInt64(l1.count) else {
      throw BlockError(.inputOutput, "offset \(offset) has no place in the L1 table")
    }
    let entry = l1Entry(index)
    if entry.offset == 0 || !entry.isCopied { try makeL2Table(Int(index), held) }
    guard let place = try place(of: offset, held), l1Entry(index).isCopied else { return nil }
    return place
  }

  /// Notes that an entry's clusters have one reference less, once the tables are in the file.
  func freeLater(_ entry: L2Entry, _ reason: PendingFrees.Reason) {
    guard !files.hasDataFile else { return }
    if entry.isCompressed {
      let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
      allocator.freeLater(clusters.lowerBound..<clusters.upperBound + 1, reason)
      codec.forget()
    } else if entry.offset != 0 {
      let cluster = entry.offset >> geometry.clusterBits
      allocator.freeLater(cluster..<cluster + 1, reason)
    }
  }

  /// Gives an L1 entry a table of its own: an empty one, or a copy of one that a snapshot has too.
  func makeL2Table(_ index: Int, _ held: borrowing Held) throws(BlockError) {
    let old = L1Entry(rawValue: l1[index])
    guard geometry.offsetInCluster(old.offset) == 0 else {
      throw header.damage(
        "L2 table offset 0x\(hex(old.offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", held)
    }
    let cluster = try allocator.take(1, for: "L2 table", held).lowerBound
    let offset = cluster << geometry.clusterBits
    files.note(.l2AllocWrite, held)
    do throws(BlockError) {
      if old.offset == 0 {
        try files.clearCluster(at: offset, held)
      } else {
        try copyL2Table(from: old.offset, to: offset, held)
      }
    } catch {
      try? allocator.free(cluster..<cluster + 1, .other, held)
      throw error
    }
    forgetTable(at: offset, held)
    guardian.note(cluster)
    setTable(index, at: offset)
    if old.offset != 0 {
      let first = old.offset >> geometry.clusterBits
      allocator.freeLater(first..<first + 1, .other)
    }
  }

  /// Copies an L2 table from the file. A table that is shared is not changed in memory, so that the file has all of it.
  private func copyL2Table(from source: UInt64, to target: UInt64, _ held: borrowing Held) throws(BlockError)
  {
    let file = try files.file(held)
    let piece = min(geometry.clusterSize, 64 << 10)
    let buffer = Buffer(count: Int(piece))
    var done: UInt64 = 0
    while done < geometry.clusterSize {
      var bytes = buffer.mutableBytes
      files.note(.l2AllocCowRead, held)
      try file.read(at: source + done, into: &bytes)
      try file.write(at: target + done, from: buffer.bytes)
      done += piece
    }
    files.require(target + geometry.clusterSize)
  }
}
