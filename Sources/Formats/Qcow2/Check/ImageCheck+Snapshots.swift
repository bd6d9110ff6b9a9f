// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The snapshot table as it is, defects included.
struct SnapshotTableContent: Sendable {
  var entries: [SnapshotEntry] = []
  /// Bytes of the table in the file; 0 without snapshots.
  var bytes: UInt64 = 0
  /// Whether entries differ from those in the file, since a repair has to change them.
  var isMended = false
}

/// Snapshots.
extension ImageCheck {
  /// Reads the snapshot table; the part past the end of the file is zeros.
  ///
  /// For a repair of everything, the entries are as they will be.
  ///
  /// - Throws: where the table cannot be understood: then nothing can be told about the image.
  func readSnapshotTable() throws(BlockError) -> SnapshotTableContent {
    var content = SnapshotTableContent()
    guard header.snapshotCount > 0 else { return content }
    var reader = SnapshotReader(header, file)
    for index in 0..<Int(header.snapshotCount) {
      var found: SnapshotReader.Found
      do throws(BlockError) {
        found = try reader.next(shortening: repair == .all)
      } catch {
        throw error.prefixed("failed to read the snapshot table: entry \(index)")
      }
      if found.surplus > 0 { tellSurplus(found.surplus, index, &content) }
      guard found.end <= Qcow2Limits.snapshotTableBytes else {
        guard repair == .all else {
          throw BlockError(.tooLarge, "failed to read the snapshot table: Snapshot table is too large")
        }
        tellOverhang(Int(header.snapshotCount) - index, &content)
        break
      }
      content.bytes = found.end
      if header.version >= 3 && found.entry.isIncomplete {
        self.found(.snapshotIncomplete(index: index), canMend: true)
        if repair == .all {
          content.isMended = true
          guard !found.entry.isBlank else { continue }
          found.entry.complete(diskSize: header.size)
        }
      }
      content.entries.append(found.entry)
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

  /// Whether the L1 table of a snapshot would be in the header or the active L1 table. One that is the active table, too, was
  /// lent to the disk by a program that did not come to its end.
  private func liesOnRoot(_ entry: SnapshotEntry) -> Bool {
    guard entry.l1Offset != header.l1Offset else { return false }
    let first = entry.l1Offset >> geometry.clusterBits
    for cluster in first..<first + geometry.clusters(covering: UInt64(entry.l1Size) * 8)
    where isRoot(cluster) {
      return true
    }
    return false
  }

  /// Tells of a snapshot whose L1 offset leads onto something else.
  func foundMisplaced(_ entry: SnapshotEntry) {
    found(.overlappingSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset), canMend: true)
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
        foundMisplaced(entry)
        if entry.l1Offset >= geometry.clusterSize { hasClaimedL1 = true }
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
