// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The snapshot table as a whole.
enum SnapshotTable {
  /// More bytes than the largest entry: two names of 64 KiB each and the extra data.
  static let largestEntry = 136 << 10

  /// Reads all entries that the header announces.
  ///
  /// - Parameter budget: the memory that entries may take.
  /// - Throws: `corrupt` or `tooLarge` where the table passes the end of the file or a limit.
  static func read(_ header: Header, from file: Edge, _ budget: inout MemoryBudget) throws(BlockError)
    -> [SnapshotEntry]
  {
    let fileLength = file.length
    let least = UInt64(header.snapshotCount) * UInt64(SnapshotEntry.fixedSize)
    guard header.snapshotsOffset < fileLength, least <= fileLength - header.snapshotsOffset else {
      throw BlockError(
        .corrupt, "Snapshot table lies past the end of the file (offset \(header.snapshotsOffset))")
    }
    var entries: [SnapshotEntry] = []
    var window = Window(file: file, end: fileLength)
    var position = header.snapshotsOffset
    for _ in 0..<header.snapshotCount {
      let entry = try window.entry(at: position)
      try budget.take(UInt64(entry.memory))
      entries.append(entry)
      position += UInt64(entry.size)
      guard position - header.snapshotsOffset <= Qcow2Limits.snapshotTableBytes else {
        throw BlockError(.tooLarge, "Snapshot table is too large")
      }
    }
    return entries
  }

  /// Part of the table in memory: entries have no fixed size.
  private struct Window {
    let file: Edge
    let end: UInt64
    var start: UInt64 = 0
    var buffer = Buffer(count: 0)

    static let bytes: UInt64 = 256 << 10
    static let largestEntry = UInt64(SnapshotTable.largestEntry)

    init(file: Edge, end: UInt64) {
      self.file = file
      self.end = end
    }

    mutating func entry(at position: UInt64) throws(BlockError) -> SnapshotEntry {
      guard position < end else { throw BlockError(.corrupt, "Snapshot table entry is cut short") }
      let wanted = min(Window.largestEntry, end - position)
      if position < start || position + wanted > start + UInt64(buffer.count) {
        start = position
        buffer = try file.read(at: position, count: Int(min(Window.bytes, end - position)))
      }
      let skip = Int(position - start)
      return try SnapshotEntry(parsing: buffer.bytes.slice(skip..<buffer.count))
    }
  }

  /// What to do where there is no such snapshot.
  static let listAdvice = "'snapshot -l FILE' lists the snapshots."

  /// The snapshot that a selector means.
  static func find(_ selector: SnapshotSelector, in snapshots: [SnapshotEntry]) -> SnapshotEntry? {
    if let wanted = selector.idOrName?.spelledBytes {
      return snapshots.first { $0.idBytes == wanted } ?? snapshots.first { $0.nameBytes == wanted }
    }
    let id = selector.id?.spelledBytes
    let name = selector.name?.spelledBytes
    return snapshots.first {
      (id == nil || $0.idBytes == id) && (name == nil || $0.nameBytes == name)
    }
  }
}

extension SnapshotEntry {
  /// Checks the entry's L1 table and disk size against the image.
  func check(_ header: Header) throws(BlockError) {
    let geometry = header.geometry
    let bytes = UInt64(l1Size) * 8
    guard bytes <= Qcow2Limits.l1Bytes else { throw BlockError(.tooLarge, "Snapshot L1 table too large") }
    guard geometry.offsetInCluster(l1Offset) == 0, let end = l1Offset.plus(bytes), end <= UInt64(Int64.max)
    else {
      throw BlockError(.corrupt, "Snapshot L1 table offset invalid")
    }
    let length = diskSize ?? header.size
    guard length <= UInt64(Int64.max) else { throw BlockError(.tooLarge, "Snapshot's disk is too big") }
    guard geometry.l1Entries(forLength: length) <= UInt64(l1Size) else {
      throw BlockError(.corrupt, "Snapshot L1 table is too small")
    }
  }
}
