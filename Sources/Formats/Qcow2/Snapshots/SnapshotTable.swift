// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
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
    try read(header, fileLength: file.length, &budget) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
  }

  /// The same of a file of so many bytes that is read by `readPart`.
  static func read(
    _ header: Header, fileLength: UInt64, _ budget: inout MemoryBudget,
    readPart: @escaping (UInt64, Int) throws(BlockError) -> Buffer
  ) throws(BlockError) -> [SnapshotEntry] {
    let least = UInt64(header.snapshotCount) * UInt64(SnapshotEntry.fixedSize)
    guard header.snapshotsOffset < fileLength, least <= fileLength - header.snapshotsOffset else {
      throw BlockError(
        .corrupt, "Snapshot table lies past the end of the file (offset \(header.snapshotsOffset))")
    }
    var entries: [SnapshotEntry] = []
    var reader = SnapshotReader(header, upTo: fileLength, readPart: readPart)
    for _ in 0..<header.snapshotCount {
      let entry = try reader.next().entry
      try budget.take(UInt64(entry.memory))
      entries.append(entry)
      guard reader.position <= Qcow2Limits.snapshotTableBytes else {
        throw BlockError(.tooLarge, "Snapshot table is too large")
      }
    }
    return entries
  }

  /// The advice for a snapshot that is not there.
  static let listAdvice: Advice = "'snapshot -l \(.file)' lists the snapshots."

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
