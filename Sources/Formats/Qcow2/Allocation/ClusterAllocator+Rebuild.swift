// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Making refcounts anew, for an image whose writer did not come to write them.
extension ClusterAllocator {
  /// Sets every refcount to the number of references that the tables in the file hold, and writes them.
  func rebuild(_ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    let count = ImageCheck(header.current, refcounts.table, file, JobContext())
    try count.countReferences(try count.snapshots.readTable())
    // References of damaged tables are not counted: their clusters would be taken for free.
    guard count.findings.result.corruptions == 0, count.findings.result.checkErrors == 0 else {
      throw BlockError(
        .corrupt,
        "the image was not closed properly, and its tables are damaged: its refcounts cannot be rebuilt")
    }
    try setKnownCounts(count.references.counts, held)
    try makeMissingBlocks(count.references.counts, end: count.references.clusters, held)
    refcounts.search(from: 0)
    try write(held)
  }

  /// Writes the counts into all blocks that there are.
  private func setKnownCounts(_ counts: ReferenceCounts, _ held: borrowing Held) throws(BlockError) {
    for index in 0..<refcounts.table.count where refcounts.table[index] != 0 {
      let first = UInt64(index) << geometry.refcountBlockBits
      try set(counts, first..<first + geometry.refcountBlockEntries, held)
    }
  }

  private func set(_ references: ReferenceCounts, _ clusters: Range<UInt64>, _ held: borrowing Held)
    throws(BlockError)
  {
    var position = clusters.lowerBound
    while position < clusters.upperBound {
      guard let counts = try counts(from: position, held) else { return }
      let run = min(counts.remaining, Int(clusters.upperBound - position))
      let buffer = counts.slice.buffer
      var bytes = buffer.mutableBytes
      var changed = false
      for step in 0..<run {
        let wanted = references[position + UInt64(step)]
        guard wanted <= geometry.refcountMaximum else {
          throw BlockError(
            .corrupt, "cluster \(position + UInt64(step)) has more references than its refcount holds")
        }
        let index = counts.first + step
        guard RefcountBlock.count(bytes.bytes, at: index, order: geometry.refcountOrder) != wanted else {
          continue
        }
        RefcountBlock.set(wanted, &bytes, at: index, order: geometry.refcountOrder)
        changed = true
      }
      if changed { markDirty(counts, run, held) }
      position += UInt64(run)
    }
  }

  /// Makes the blocks that are missing where something is referred to, behind the end of the file.
  private func makeMissingBlocks(_ references: ReferenceCounts, end: UInt64, _ held: borrowing Held)
    throws(BlockError)
  {
    var missing: [UInt64] = []
    for clusters in references.chunkRanges {
      for cluster in clusters where references[cluster] > 0 {
        let index = refcounts.tableIndex(of: cluster)
        guard index < UInt64(refcounts.table.count) else {
          throw BlockError(.corrupt, "the refcount table is too small for the image")
        }
        if missing.last != index, refcounts.table[Int(index)] == 0 { missing.append(index) }
      }
    }
    for index in missing {
      let first = index << geometry.refcountBlockBits
      // A block made for the end of the file may be the one.
      if refcounts.table[Int(index)] == 0 { try makeBlockAtEnd(for: first, end: end, held) }
      try setReferenced(references, first..<first + geometry.refcountBlockEntries, held)
    }
  }

  private func makeBlockAtEnd(for cluster: UInt64, end: UInt64, _ held: borrowing Held) throws(BlockError) {
    let place = try take(1, from: end, for: "refcount block", held).lowerBound
    // Counting the end of the file may have needed just this block.
    guard refcounts.table[Int(refcounts.tableIndex(of: cluster))] == 0 else {
      return try free(place..<place + 1, .other, held)
    }
    try enter(blockAt: place, counting: cluster, held)
  }

  /// Adds the counts of a block that was made just now, which may count itself and others like it already.
  private func setReferenced(_ references: ReferenceCounts, _ clusters: Range<UInt64>, _ held: borrowing Held)
    throws(BlockError)
  {
    for cluster in clusters where references[cluster] > 0 {
      try set(references, cluster..<cluster + 1, held)
    }
  }
}
