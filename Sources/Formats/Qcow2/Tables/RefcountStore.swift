// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// Refcounts in memory: the refcount table as a whole, slices of blocks in a cache, and where to look for space.
final class RefcountStore {
  let geometry: Geometry
  var table: TableInMemory
  let cache: TableCache
  /// Below this cluster nothing is free; the search for space starts here.
  var cursor: UInt64 = 0
  /// Whether tables in the file are written late, behind the dirty bit.
  var isLazy = false

  init(_ table: TableInMemory, geometry: Geometry, cacheBytes: UInt64, monitor: Monitor) {
    self.table = table
    self.geometry = geometry
    cache = TableCache(
      bytes: cacheBytes, sliceBytes: Int(min(geometry.clusterSize, 64 << 10)), monitor: monitor)
  }

  /// Whether the file lacks any of it.
  var isDirty: Bool { table.isDirty || cache.isDirty }
  /// Counts in one slice.
  var countsPerSlice: Int { (cache.sliceBytes * 8) >> Int(geometry.refcountOrder) }
  /// The index in the refcount table of the block that counts a cluster.
  func tableIndex(of cluster: UInt64) -> UInt64 { cluster >> geometry.refcountBlockBits }
}

/// Host clusters whose references are to be counted down, in the order noted.
struct PendingFrees {
  /// Why space is given back; decides whether the storage hears of it.
  enum Reason: Sendable, Equatable {
    /// The guest said so.
    case request
    /// The disk does not reach there any more.
    case cut
    /// A state of the disk is gone.
    case snapshot
    /// Anything else.
    case other
    /// The header still points to tables that use it: the storage must not hear of it before that changes.
    case later
  }

  /// Neighbouring clusters with fewer references.
  struct Entry {
    var clusters: Range<UInt64>
    var reason: Reason
    /// How many references less.
    var count: UInt64
  }

  /// The first `done` of them have been taken.
  private var entries: [Entry] = []
  private var done = 0
  /// More than this many are worked off before more are noted.
  static let limit = 4096

  var isEmpty: Bool { done == entries.count }
  var isFull: Bool { entries.count - done >= PendingFrees.limit }

  /// Notes a run of clusters.
  mutating func add(_ clusters: Range<UInt64>, _ reason: Reason, count: UInt64 = 1) {
    if !isEmpty, let last = entries.last, last.reason == reason, last.count == count,
      last.clusters.upperBound == clusters.lowerBound
    {
      entries[entries.count - 1].clusters = last.clusters.lowerBound..<clusters.upperBound
    } else {
      entries.append(Entry(clusters: clusters, reason: reason, count: count))
    }
  }

  /// Takes what was noted first.
  mutating func takeFirst() -> Entry? {
    guard !isEmpty else {
      self = PendingFrees()
      return nil
    }
    defer { done += 1 }
    return entries[done]
  }

  /// Puts back what is left of the entry that was just taken.
  mutating func putBack(_ entry: Entry) {
    done -= 1
    entries[done] = entry
  }
}
