// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// A list of snapshots and its place in the file.
struct SnapshotTablePlace {
  var entries: [SnapshotEntry]
  /// The clusters it takes; none for an empty list.
  var clusters: Range<UInt64>
}

/// The snapshots of an image, and what is done with them: each change is one exchange of tables.
final class SnapshotStore: @unchecked Sendable {
  /// The snapshots that the image holds.
  private(set) var entries: [SnapshotEntry]
  let mapping: MappingTables
  let header: HeaderStore
  let files: FileSpace
  let allocator: ClusterAllocator
  let guardian: OverlapGuard
  let codec: ClusterCodec
  let claims: ClaimedWrites

  init(_ entries: [SnapshotEntry], _ mapping: MappingTables) {
    self.entries = entries
    self.mapping = mapping
    header = mapping.header
    files = mapping.files
    allocator = mapping.allocator
    guardian = mapping.guardian
    codec = mapping.codec
    claims = mapping.claims
  }

  /// The sizes that follow from the header.
  var geometry: Geometry { allocator.geometry }

  /// Goes on with other snapshots, which the header points to.
  func use(_ entries: [SnapshotEntry]) { self.entries = entries }

  /// Bytes of the snapshot table, with the last entry's padding.
  var byteCount: UInt64 {
    var bytes: UInt64 = 0
    for entry in entries { bytes += UInt64(entry.size) }
    return bytes
  }

  /// The present list and its place.
  var presentPlace: SnapshotTablePlace {
    let first = header.current.snapshotsOffset >> geometry.clusterBits
    let count = geometry.clusters(covering: UInt64(SnapshotTable.bytes(entries)))
    return SnapshotTablePlace(entries: entries, clusters: first..<first + count)
  }

  /// Writes a list of snapshots, complete, to free clusters; nothing points there yet.
  func place(_ list: [SnapshotEntry], _ held: borrowing Held) throws(BlockError) -> SnapshotTablePlace {
    var entries = list
    for index in entries.indices { entries[index].complete(diskSize: header.size) }
    guard let last = entries.last else { return SnapshotTablePlace(entries: [], clusters: 0..<0) }
    let bytes = SnapshotTable.bytes(entries)
    guard UInt64(bytes) <= Qcow2Limits.snapshotTableBytes else {
      throw BlockError(.tooLarge, "Snapshot table is too large")
    }
    let clusters = try allocator.take(
      geometry.clusters(covering: UInt64(bytes)), exactly: true, for: "snapshot table", held)
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
      try files.file(held).write(at: offset, from: buffer.bytes)
    } catch {
      try? allocator.free(clusters, .other, held)
      throw error
    }
    files.require(offset + UInt64(buffer.count))
    guardian.note(clusters)
    return SnapshotTablePlace(entries: entries, clusters: clusters)
  }
}
