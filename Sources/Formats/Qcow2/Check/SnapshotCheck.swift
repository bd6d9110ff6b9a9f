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

/// The snapshot table and the L1 tables of snapshots.
struct SnapshotCheck {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let references: FoundReferences
  private let tables: TableStates
  private let tableWalk: TableWalk

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ references: FoundReferences, _ tables: TableStates,
    _ tableWalk: TableWalk
  ) {
    self.image = image
    self.findings = findings
    self.references = references
    self.tables = tables
    self.tableWalk = tableWalk
  }

  /// Reads the snapshot table; the part past the end of the file is zeros.
  ///
  /// For a repair of everything, the entries are as they will be.
  ///
  /// - Throws: where the table cannot be understood: then nothing can be told about the image.
  func readTable() throws(BlockError) -> SnapshotTableContent {
    var content = SnapshotTableContent()
    guard image.header.snapshotCount > 0 else { return content }
    var reader = SnapshotReader(image.header, image.file)
    for index in 0..<Int(image.header.snapshotCount) {
      var found: SnapshotReader.Found
      do throws(BlockError) {
        found = try reader.next(shortening: image.repair == .all)
      } catch {
        throw error.prefixed("failed to read the snapshot table: entry \(index)")
      }
      if found.surplus > 0 { tellSurplus(found.surplus, index, &content) }
      guard found.end <= Qcow2Limits.snapshotTableBytes else {
        guard image.repair == .all else {
          throw BlockError(.tooLarge, "failed to read the snapshot table: Snapshot table is too large")
        }
        tellOverhang(Int(image.header.snapshotCount) - index, &content)
        break
      }
      content.bytes = found.end
      if image.header.version >= 3 && found.entry.isIncomplete {
        findings.found(.snapshotIncomplete(index: index), canMend: true)
        if image.repair == .all {
          content.isMended = true
          guard !found.entry.isBlank else { continue }
          found.entry.complete(diskSize: image.header.size)
        }
      }
      content.entries.append(found.entry)
    }
    return content
  }

  private func tellSurplus(_ surplus: UInt64, _ index: Int, _ content: inout SnapshotTableContent) {
    let limit = UInt64(Qcow2Limits.snapshotExtraBytes)
    findings.tellMendable(
      "Discarding too much extra metadata in snapshot table entry \(index) (\(surplus + limit) > \(limit))")
    content.isMended = true
  }

  private func tellOverhang(_ count: Int, _ content: inout SnapshotTableContent) {
    findings.tellMendable(
      "Discarding \(count) overhanging snapshots (snapshot table is too big)", count: UInt64(count))
    content.isMended = true
  }

  /// Whether the L1 table of a snapshot is where one can be.
  func isWhole(_ entry: SnapshotEntry) -> Bool {
    let bytes = UInt64(entry.l1Size) * 8
    return image.geometry.offsetInCluster(entry.l1Offset) == 0 && bytes <= Qcow2Limits.l1Bytes
      && (bytes == 0 || (image.isInside(entry.l1Offset, bytes) && !liesOnRoot(entry)))
  }

  /// Whether the L1 table of a snapshot would be in the header or the active L1 table. One that is the active table, too, was
  /// lent to the disk by a program that did not come to its end.
  private func liesOnRoot(_ entry: SnapshotEntry) -> Bool {
    guard entry.l1Offset != image.header.l1Offset else { return false }
    let first = entry.l1Offset >> image.geometry.clusterBits
    for cluster in first..<first + image.geometry.clusters(covering: UInt64(entry.l1Size) * 8)
    where image.isRoot(cluster) {
      return true
    }
    return false
  }

  /// Tells of a snapshot whose L1 offset leads onto something else.
  func foundMisplaced(_ entry: SnapshotEntry) {
    findings.found(
      .overlappingSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset), canMend: true)
  }

  /// Counts what snapshots refer to.
  func add(_ snapshots: SnapshotTableContent) throws(BlockError) {
    // Tables do not overlap in an image that is whole, so together they are no larger than the file.
    var budget = (image.fileLength.plus(64 << 20) ?? .max)
    for entry in snapshots.entries {
      if image.geometry.offsetInCluster(entry.l1Offset) != 0 {
        findings.found(
          .unalignedSnapshotL1(id: entry.id, name: entry.name, offset: entry.l1Offset), canMend: true)
      } else if UInt64(entry.l1Size) * 8 > Qcow2Limits.l1Bytes {
        findings.found(.snapshotL1TooLarge(id: entry.id, name: entry.name, size: entry.l1Size), canMend: true)
      } else if image.repair == .all, entry.l1Size > 0, liesOnRoot(entry) {
        foundMisplaced(entry)
        if entry.l1Offset >= image.geometry.clusterSize { tables.claimL1() }
      } else {
        guard budget >= UInt64(entry.l1Size) * 8 else {
          throw BlockError(
            .corrupt, "the L1 tables of the snapshots overlap: together they are larger than the file")
        }
        if entry.l1Offset < image.fileLength { budget -= UInt64(entry.l1Size) * 8 }
        try tableWalk.walk(at: entry.l1Offset, size: entry.l1Size, isActive: false)
      }
    }
    try references.add(at: image.header.snapshotsOffset, bytes: snapshots.bytes, canMend: true)
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
