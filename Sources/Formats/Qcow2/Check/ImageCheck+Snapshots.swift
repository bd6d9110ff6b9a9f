// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The snapshot table as it is, with whatever is wrong with it.
struct SnapshotTableContent {
  var entries: [SnapshotEntry] = []
  /// Bytes of the table; 0 without snapshots.
  var bytes: UInt64 = 0
}

/// Snapshots.
extension ImageCheck {
  /// Reads the snapshot table; what lies past the end of the file is zeros.
  ///
  /// - Throws: where the table cannot be understood: then nothing can be told about the image.
  func readSnapshotTable() throws(BlockError) -> SnapshotTableContent {
    var content = SnapshotTableContent()
    guard header.snapshotCount > 0 else { return content }
    var window = Window(file: file)
    var position: UInt64 = 0
    for index in 0..<Int(header.snapshotCount) {
      let entry: SnapshotEntry
      do throws(BlockError) {
        entry = try window.entry(at: header.snapshotsOffset + position)
      } catch {
        throw error.prefixed("failed to read the snapshot table: entry \(index)")
      }
      content.bytes = position + UInt64(entry.unpaddedSize)
      position += UInt64(entry.size)
      guard position <= Qcow2Limits.snapshotTableBytes else {
        throw BlockError(.tooLarge, "failed to read the snapshot table: Snapshot table is too large")
      }
      if header.version >= 3 && entry.extra.count < ImageCheck.neededExtra {
        found(.snapshotIncomplete(index: index))
      }
      content.entries.append(entry)
    }
    return content
  }

  /// Version 3 requires the fields for the state's size and the disk's.
  private static let neededExtra = 16

  /// Counts what snapshots refer to.
  func walk(_ snapshots: SnapshotTableContent) throws(BlockError) {
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = (fileLength.plus(64 << 20) ?? .max)
    for entry in snapshots.entries {
      if geometry.offsetInCluster(entry.l1Offset) != 0 {
        found(.unalignedSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset))
      } else if UInt64(entry.l1Size) * 8 > Qcow2Limits.l1Bytes {
        found(.snapshotL1TooLarge(id: entry.id, name: entry.name, size: entry.l1Size))
      } else {
        guard budget >= UInt64(entry.l1Size) * 8 else {
          throw BlockError(
            .corrupt, "the L1 tables of the snapshots overlap: together they are larger than the file")
        }
        if entry.l1Offset < fileLength { budget -= UInt64(entry.l1Size) * 8 }
        try walkL1(at: entry.l1Offset, size: entry.l1Size, isActive: false)
      }
    }
    try addReferences(at: header.snapshotsOffset, bytes: snapshots.bytes)
  }

  /// Part of the table in memory: entries have no fixed size.
  private struct Window {
    let file: Edge
    var start: UInt64 = 0
    var buffer = Buffer(count: 0)
    /// More than the largest entry: two names of 64 KiB each and the extra data.
    static let largestEntry: UInt64 = 136 << 10

    init(file: Edge) { self.file = file }

    mutating func entry(at position: UInt64) throws(BlockError) -> SnapshotEntry {
      if position < start || position + Window.largestEntry > start + UInt64(buffer.count) {
        start = position
        buffer = try file.read(at: position, count: Int(2 * Window.largestEntry))
      }
      return try SnapshotEntry(parsing: buffer.bytes.slice(Int(position - start)..<buffer.count))
    }
  }
}
