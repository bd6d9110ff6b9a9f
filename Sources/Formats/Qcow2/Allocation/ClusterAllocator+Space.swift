// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Space at the end of the file, in refcount blocks that count nothing, and in clusters that were never written.
extension ClusterAllocator {
  /// Gives refcount blocks back that count nothing but themselves.
  func giveBackIdleBlocks(_ held: borrowing Held) throws(BlockError) {
    try write(held)
    var idle: [UInt64] = []
    for index in 0..<refcounts.table.count {
      let offset = RefcountTableEntry(rawValue: refcounts.table[index]).offset
      if offset != 0, try isIdle(offset >> geometry.clusterBits, at: index, held) {
        idle.append(UInt64(index))
      }
    }
    guard !idle.isEmpty else { return }
    try files.barrier(held)
    let former = refcounts.table
    for index in idle { refcounts.setBlock(Int(index), at: 0) }
    do throws(BlockError) {
      try write(held)
      try files.barrier(held)
    } catch {
      // The file may have part of it: the entries have to be written once more.
      for index in idle { refcounts.setBlock(Int(index), at: former[Int(index)]) }
      throw error
    }
    for index in idle {
      let offset = former[Int(index)]
      refcounts.cache.drop(from: offset, bytes: geometry.clusterSize, held)
      let cluster = offset >> geometry.clusterBits
      if refcounts.tableIndex(of: cluster) == index {
        // With the block its own count went, too.
        refcounts.noteFree(cluster)
        discardHost(cluster..<cluster + 1, .cut, held)
      } else {
        try free(cluster..<cluster + 1, .cut, held)
      }
    }
    guardian.forget()
  }

  /// Whether a block counts no cluster but the one it is in.
  private func isIdle(_ block: UInt64, at index: Int, _ held: borrowing Held) throws(BlockError) -> Bool {
    var cluster = UInt64(index) << geometry.refcountBlockBits
    let end = cluster + geometry.refcountBlockEntries
    while cluster < end {
      guard let used = try usedRun(from: cluster, held) else { return false }
      guard used == 0 || (used == 1 && cluster == block) else { return false }
      let free = used == 0 ? try freeRun(from: cluster, limit: end - cluster, held) ?? 0 : 1
      cluster += UInt64(free)
    }
    return true
  }

  /// Takes free space off the end of the file, but leaves it a length in bytes that it had before.
  func cutFile(keeping length: UInt64 = 0, _ held: borrowing Held) throws(BlockError) {
    let file = try files.file(held)
    let end = geometry.clusters(covering: file.length)
    let least = max(geometry.clusters(covering: length), 1)
    var last = end
    while last > least, try count(of: last - 1, held) == 0 { last -= 1 }
    guard last < end else { return }
    try write(held)
    let newLength = last == least && length > 0 ? length : last << geometry.clusterBits
    try files.cut(to: newLength, held)
  }

  // MARK: Holes

  /// Whether the file system holds fewer clusters than are counted: a tenth of them is missing, and at least two. Small
  /// holes do not matter, as `qemu-img` sees it.
  func lacksClusters(_ held: borrowing Held) throws(BlockError) -> Bool {
    let file = try files.file(held)
    guard let allocated = file.child.allocatedLength else { return true }
    let present = allocated >> geometry.clusterBits
    let enough = max((present.times(10) ?? .max) / 9, present + 2)
    let end = geometry.clusters(covering: file.length)
    var cluster: UInt64 = 0
    var counted: UInt64 = 0
    while counted < enough, cluster < end, end - cluster >= enough - counted {
      guard let free = try freeRun(from: cluster, limit: end - cluster, held) else {
        cluster = (cluster >> geometry.refcountBlockBits + 1) << geometry.refcountBlockBits
        continue
      }
      let used = free > 0 ? 0 : UInt64(try usedRun(from: cluster, held) ?? 0)
      counted += used
      cluster += UInt64(free) + used
    }
    return counted >= enough
  }
}
