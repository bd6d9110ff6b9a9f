// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Exchanging the snapshot table. The monitor is held.
extension Qcow2Driver {
  /// Where a list of snapshots is in the file.
  struct SnapshotTablePlace {
    var entries: [SnapshotEntry]
    /// The clusters it takes; none for an empty list.
    var clusters: Range<UInt64>
  }

  /// Where the present table is.
  var presentSnapshotTable: SnapshotTablePlace {
    let first = header.snapshotsOffset >> geometry.clusterBits
    let count = geometry.clusters(covering: UInt64(SnapshotTable.bytes(snapshots)))
    return SnapshotTablePlace(entries: snapshots, clusters: first..<first + count)
  }

  /// Writes a list of snapshots, complete, to free clusters; nothing points there yet.
  func placeSnapshotTable(_ list: [SnapshotEntry], _ node: Node) throws(BlockError) -> SnapshotTablePlace {
    var entries = list
    for index in entries.indices { entries[index].complete(diskSize: header.size) }
    guard let last = entries.last else { return SnapshotTablePlace(entries: [], clusters: 0..<0) }
    let bytes = SnapshotTable.bytes(entries)
    guard UInt64(bytes) <= Qcow2Limits.snapshotTableBytes else {
      throw BlockError(.tooLarge, "Snapshot table is too large")
    }
    let clusters = try allocate(
      geometry.clusters(covering: UInt64(bytes)), exactly: true, for: "snapshot table", node)
    let buffer = Buffer(count: clusters.count << Int(geometry.clusterBits))
    var target = buffer.mutableBytes
    var position = 0
    for entry in entries {
      entry.write(to: &target, at: position)
      position += entry.size
    }
    position += last.unpaddedSize - last.size
    let offset = clusters.lowerBound << geometry.clusterBits
    do throws(BlockError) {
      try file(of: node).write(at: offset, from: buffer.bytes)
    } catch {
      try? dropReferences(clusters, .other, node)
      throw error
    }
    requiredEnd = max(requiredEnd, offset + UInt64(buffer.count))
    for cluster in clusters { metadataMap?.insert(cluster) }
    return SnapshotTablePlace(entries: entries, clusters: clusters)
  }
}

extension SnapshotTable {
  /// Bytes of a list of snapshots; the last one needs no padding.
  static func bytes(_ entries: [SnapshotEntry]) -> Int {
    guard let last = entries.last else { return 0 }
    var bytes = 0
    for entry in entries { bytes += entry.size }
    return bytes - last.size + last.unpaddedSize
  }

  /// The id after the largest number among those in use.
  static func nextID(_ entries: [SnapshotEntry]) -> String {
    var largest: UInt64 = 0
    for entry in entries { largest = max(largest, UInt64(entry.id) ?? 0) }
    return String(largest &+ 1)
  }
}
