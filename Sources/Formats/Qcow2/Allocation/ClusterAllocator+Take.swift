// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// Finding free host clusters. The lock is not let go meanwhile.
extension ClusterAllocator {
  /// Takes up to `wanted` neighbouring free clusters, or exactly as many with `exactly`.
  ///
  /// The lowest ones that are free, so that the same calls always make the same image.
  /// With `from`, those from there on.
  func take(
    _ wanted: UInt64, exactly: Bool = false, from first: UInt64? = nil, for what: StaticString,
    _ held: borrowing Held
  ) throws(BlockError) -> Range<UInt64> {
    files.note(.clusterAlloc, held)
    var cursor = first ?? refcounts.cursor
    var passedFree = first != nil
    while true {
      let start = try firstFree(from: cursor, held)
      if !passedFree { refcounts.search(from: start) }
      let end = try freeRunEnd(from: start, limit: wanted, held)
      let found = start..<end.cluster
      if UInt64(found.count) == wanted || (!exactly && !found.isEmpty) {
        try guardian.refuseTaken(found, for: what, held)
        try takeFree(found, held)
        if !passedFree { refcounts.search(from: found.upperBound) }
        return found
      }
      cursor = start
      if end.lacksBlock {
        // Blocks go where they do not stand in the way of a run: in front of it.
        try enter(blockAt: start, counting: end.cluster, held)
      } else {
        cursor = end.cluster
        passedFree = true
      }
    }
  }

  /// The first free cluster from `first` on; makes the block that counts it, if need be.
  private func firstFree(from first: UInt64, _ held: borrowing Held) throws(BlockError) -> UInt64 {
    var cluster = first
    while true {
      guard cluster << geometry.clusterBits <= Qcow2Limits.hostOffset - geometry.clusterSize else {
        throw BlockError(.tooLarge, "the image file is as large as the format allows")
      }
      guard let used = try usedRun(from: cluster, held) else {
        if refcounts.tableIndex(of: cluster) >= UInt64(refcounts.table.count) {
          try growRefcountTable(held)
        } else {
          try enter(blockAt: cluster, counting: cluster, held)
        }
        continue
      }
      if used == 0 { return cluster }
      cluster += UInt64(used)
    }
  }

  private struct RunEnd {
    var cluster: UInt64
    var lacksBlock: Bool
  }

  private func freeRunEnd(from start: UInt64, limit: UInt64, _ held: borrowing Held) throws(BlockError)
    -> RunEnd
  {
    var cluster = start
    while cluster - start < limit {
      guard let run = try freeRun(from: cluster, limit: limit - (cluster - start), held) else {
        return RunEnd(cluster: cluster, lacksBlock: true)
      }
      if run == 0 { break }
      cluster += UInt64(run)
    }
    return RunEnd(cluster: cluster, lacksBlock: false)
  }

  // MARK: Bytes

  /// Room for so many bytes, counted: behind the cluster placed last where that is possible.
  func takeBytes(_ size: UInt64, _ held: borrowing Held) throws(BlockError) -> UInt64 {
    files.note(.clusterAllocBytes, held)
    let start = packedEnd
    let used = geometry.offsetInCluster(start)
    let cluster = start >> geometry.clusterBits
    if used != 0, try count(of: cluster, held) < geometry.refcountMaximum {
      if used + size <= geometry.clusterSize {
        try addReferences(to: cluster, held)
        return start
      }
      // The rest goes into the next cluster, if nothing is there.
      if try freeRun(from: cluster + 1, limit: 1, held) == 1 {
        try guardian.refuseTaken(cluster + 1..<cluster + 2, for: "compressed cluster", held)
        try takeFree(cluster + 1..<cluster + 2, held)
        do throws(BlockError) {
          try addReferences(to: cluster, held)
        } catch {
          try? free(cluster + 1..<cluster + 2, .later, held)
          throw error
        }
        return start
      }
    }
    return try take(1, for: "compressed cluster", held).lowerBound << geometry.clusterBits
  }
}
