// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The snapshot table as it is, with whatever is wrong with it.
struct SnapshotTableContent: Sendable {
  var entries: [SnapshotEntry] = []
  /// Bytes of the table in the file; 0 without snapshots.
  var bytes: UInt64 = 0
  /// Whether entries differ from those in the file, since a repair has to change them.
  var isMended = false
}

/// Snapshots.
extension ImageCheck {
  /// Reads the snapshot table; what lies past the end of the file is zeros.
  ///
  /// For a repair of everything, the entries are as they will be.
  ///
  /// - Throws: where the table cannot be understood: then nothing can be told about the image.
  func readSnapshotTable() throws(BlockError) -> SnapshotTableContent {
    var content = SnapshotTableContent()
    guard header.snapshotCount > 0 else { return content }
    var window = Window(file: file)
    var position: UInt64 = 0
    for index in 0..<Int(header.snapshotCount) {
      var entry: SnapshotEntry
      var surplus: UInt64 = 0
      do throws(BlockError) {
        if repair == .all { surplus = try window.surplus(at: header.snapshotsOffset + position) }
        entry = try window.entry(at: header.snapshotsOffset + position, surplus: surplus)
      } catch {
        throw error.prefixed("failed to read the snapshot table: entry \(index)")
      }
      let size = UInt64(entry.unpaddedSize) + surplus
      if surplus > 0 { tellSurplus(surplus, index, &content) }
      guard position + size <= Qcow2Limits.snapshotTableBytes else {
        guard repair == .all else {
          throw BlockError(.tooLarge, "failed to read the snapshot table: Snapshot table is too large")
        }
        tellOverhang(Int(header.snapshotCount) - index, &content)
        break
      }
      content.bytes = position + size
      position += (size + 7) / 8 * 8
      if header.version >= 3 && entry.isIncomplete {
        found(.snapshotIncomplete(index: index), canMend: true)
        if repair == .all {
          content.isMended = true
          guard !entry.isBlank else { continue }
          entry.complete(diskSize: header.size)
        }
      }
      content.entries.append(entry)
    }
    return content
  }

  private func tellSurplus(_ surplus: UInt64, _ index: Int, _ content: inout SnapshotTableContent) {
    let limit = UInt64(Qcow2Limits.snapshotExtraBytes)
    tell(
      "Discarding too much extra metadata in snapshot table entry \(index) (\(surplus + limit) > \(limit))")
    mendable += 1
    content.isMended = true
  }

  private func tellOverhang(_ count: Int, _ content: inout SnapshotTableContent) {
    tell("Discarding \(count) overhanging snapshots (snapshot table is too big)")
    mendable += UInt64(count)
    content.isMended = true
  }

  /// Whether the L1 table of a snapshot is where one can be.
  func isWhole(_ entry: SnapshotEntry) -> Bool {
    let bytes = UInt64(entry.l1Size) * 8
    return geometry.offsetInCluster(entry.l1Offset) == 0 && bytes <= Qcow2Limits.l1Bytes
      && (bytes == 0 || (isInside(entry.l1Offset, bytes) && !liesOnRoot(entry)))
  }

  /// Whether the L1 table of a snapshot would be the header or the active L1 table, or part of them.
  private func liesOnRoot(_ entry: SnapshotEntry) -> Bool {
    let first = entry.l1Offset >> geometry.clusterBits
    for cluster in first..<first + geometry.clusters(covering: UInt64(entry.l1Size) * 8)
    where isRoot(cluster) {
      return true
    }
    return false
  }

  /// Counts what snapshots refer to.
  func walk(_ snapshots: SnapshotTableContent) throws(BlockError) {
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = (fileLength.plus(64 << 20) ?? .max)
    for entry in snapshots.entries {
      if geometry.offsetInCluster(entry.l1Offset) != 0 {
        found(.unalignedSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset), canMend: true)
      } else if UInt64(entry.l1Size) * 8 > Qcow2Limits.l1Bytes {
        found(.snapshotL1TooLarge(id: entry.id, name: entry.name, size: entry.l1Size), canMend: true)
      } else if repair == .all, entry.l1Size > 0, liesOnRoot(entry) {
        found(
          .overlappingSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset), canMend: true)
      } else {
        guard budget >= UInt64(entry.l1Size) * 8 else {
          throw BlockError(
            .corrupt, "the L1 tables of the snapshots overlap: together they are larger than the file")
        }
        if entry.l1Offset < fileLength { budget -= UInt64(entry.l1Size) * 8 }
        try walkL1(at: entry.l1Offset, size: entry.l1Size, isActive: false)
      }
    }
    try addReferences(at: header.snapshotsOffset, bytes: snapshots.bytes, canMend: true)
  }

  /// Part of the table in memory: entries have no fixed size.
  private struct Window {
    let file: Edge
    var start: UInt64 = 0
    var buffer = Buffer(count: 0)
    static let largestEntry = UInt64(SnapshotTable.largestEntry)

    init(file: Edge) { self.file = file }

    /// How many bytes of extra data the entry has beyond the limit.
    mutating func surplus(at position: UInt64) throws(BlockError) -> UInt64 {
      try load(position)
      let extra = buffer.bytes.big32(at: Int(position - start) + 36)
      return extra > Qcow2Limits.snapshotExtraBytes ? UInt64(extra - Qcow2Limits.snapshotExtraBytes) : 0
    }

    /// An entry, without so many bytes at the end of its extra data.
    mutating func entry(at position: UInt64, surplus: UInt64 = 0) throws(BlockError) -> SnapshotEntry {
      try load(position)
      guard surplus > 0 else {
        return try SnapshotEntry(parsing: buffer.bytes.slice(Int(position - start)..<buffer.count))
      }
      let kept = SnapshotEntry.fixedSize + Int(Qcow2Limits.snapshotExtraBytes)
      let whole = Buffer(count: Int(Window.largestEntry))
      var bytes = whole.mutableBytes
      bytes.copy(buffer.bytes.slice(Int(position - start)..<Int(position - start) + kept))
      bytes.storeBig(Qcow2Limits.snapshotExtraBytes, at: 36)
      let names = try file.read(at: position + UInt64(kept) + surplus, count: 2 * Int(UInt16.max))
      bytes.copy(names.bytes, at: kept)
      return try SnapshotEntry(parsing: whole.bytes)
    }

    private mutating func load(_ position: UInt64) throws(BlockError) {
      if position < start || position + Window.largestEntry > start + UInt64(buffer.count) {
        start = position
        buffer = try file.read(at: position, count: Int(2 * Window.largestEntry))
      }
    }
  }
}

extension SnapshotEntry {
  /// Whether this is no entry, but zeros behind the last one.
  var isBlank: Bool {
    l1Offset == 0 && l1Size == 0 && seconds == 0 && idBytes.isEmpty && nameBytes.isEmpty
  }

  /// Ends names where bytes were lost.
  fileprivate mutating func endNames() {
    if let end = idBytes.firstIndex(of: 0) { idBytes.removeSubrange(end...) }
    if let end = nameBytes.firstIndex(of: 0) { nameBytes.removeSubrange(end...) }
  }
}

extension SnapshotTableContent {
  /// The entries with names that end where bytes were lost, and a number for each snapshot without one.
  var named: [SnapshotEntry] {
    var named = entries
    for index in named.indices { named[index].endNames() }
    var next = UInt64(SnapshotTable.nextID(named)) ?? 1
    for index in named.indices where named[index].idBytes.isEmpty {
      named[index].idBytes = Array(String(next).utf8)
      next &+= 1
    }
    return named
  }
}
