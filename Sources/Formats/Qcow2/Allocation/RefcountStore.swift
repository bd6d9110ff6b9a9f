// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Errors

/// Refcounts in memory: the refcount table as a whole, slices of blocks in a cache, and where to look for space.
final class RefcountStore {
  let geometry: Geometry
  private(set) var table: TableInMemory
  let cache: TableCache
  /// Below this cluster nothing is free; the search for space starts here.
  private(set) var cursor: UInt64

  init(_ table: TableInMemory, geometry: Geometry, cacheBytes: UInt64, cursor: UInt64 = 0) {
    self.table = table
    self.geometry = geometry
    self.cursor = cursor
    cache = TableCache(bytes: cacheBytes, sliceBytes: Int(min(geometry.clusterSize, 64 << 10)))
  }

  /// Whether the file lacks any of it.
  var isDirty: Bool { table.isDirty || cache.isDirty }
  /// Counts in one slice.
  var countsPerSlice: Int { (cache.sliceBytes * 8) >> Int(geometry.refcountOrder) }
  /// The index in the refcount table of the block that counts a cluster.
  func tableIndex(of cluster: UInt64) -> UInt64 { cluster >> geometry.refcountBlockBits }

  /// Goes on with another table; the blocks that it points to have not changed.
  func use(_ other: TableInMemory) { table = other }
  /// Lets an entry of the table point to the block at a host offset; to none with 0.
  func setBlock(_ index: Int, at offset: UInt64) { table[index] = offset }
  /// Writes what the file lacks of the table.
  func writeTable(to file: Edge) throws(BlockError) { try table.write(to: file) }

  /// Notes that nothing below a cluster is free.
  func search(from cluster: UInt64) { cursor = cluster }
  /// Notes that a cluster is free.
  func noteFree(_ cluster: UInt64) { cursor = min(cursor, cluster) }
}
