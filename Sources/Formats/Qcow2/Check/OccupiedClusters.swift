// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Clusters with metadata of which only one is in a place: header, L1 tables, refcounts, the snapshot table.
struct OccupiedClusters {
  private var ranges: [Range<UInt64>] = []

  /// Nothing.
  init() {}

  /// What the header and the tables that are in memory refer to inside the file.
  init(_ check: ImageCheck, _ snapshots: SnapshotTableContent) {
    var ranges: [Range<UInt64>] = [0..<1]
    func add(_ offset: UInt64, _ bytes: UInt64) {
      guard bytes > 0, check.isInside(offset, bytes) else { return }
      let bits = check.geometry.clusterBits
      ranges.append(offset >> bits..<((offset + bytes - 1) >> bits) + 1)
    }
    let header = check.header
    add(header.l1Offset, UInt64(header.l1Size) * 8)
    add(header.snapshotsOffset, snapshots.bytes)
    for entry in snapshots.entries where check.isWhole(entry) {
      add(entry.l1Offset, UInt64(entry.l1Size) * 8)
    }
    add(header.refcountTableOffset, check.refcountTable.byteCount)
    for index in 0..<check.refcountTable.count where check.refcountTable[index] != 0 {
      let offset = RefcountTableEntry(rawValue: check.refcountTable[index]).offset
      if check.geometry.offsetInCluster(offset) == 0 { add(offset, check.geometry.clusterSize) }
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for range in ranges {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound {
        let end = max(last.upperBound, range.upperBound)
        self.ranges[self.ranges.count - 1] = last.lowerBound..<end
      } else {
        self.ranges.append(range)
      }
    }
  }

  /// Whether a cluster is one of them.
  func contains(_ cluster: UInt64) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound <= cluster { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(cluster)
  }
}
