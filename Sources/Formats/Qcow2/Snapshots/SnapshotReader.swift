// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Reads the entries of a snapshot table one after the other, part of the table at a time: entries have no fixed size.
struct SnapshotReader {
  /// An entry as it stands in the file.
  struct Found {
    var entry: SnapshotEntry
    /// Bytes of extra data beyond the limit, which the entry lacks.
    var surplus: UInt64
    /// The end of the entry without padding, in bytes from the start of the table.
    var end: UInt64
  }

  private let readPart: (UInt64, Int) throws(BlockError) -> Buffer
  private let tableStart: UInt64
  /// The table must end here at the latest; nil where the part that the file lacks reads as zeros.
  private let limit: UInt64?
  /// The start of the next entry, in bytes from the start of the table.
  private(set) var position: UInt64 = 0
  private var windowStart: UInt64 = 0
  private var window = Buffer(count: 0)

  private static let largestEntry = UInt64(SnapshotTable.largestEntry)

  /// A reader of the table that a header points to.
  init(_ header: Header, _ file: Edge) {
    self.init(header, upTo: nil) { (offset, count) throws(BlockError) in
      try file.read(at: offset, count: count)
    }
  }

  /// The same of a file that is read by `readPart`.
  init(
    _ header: Header, upTo limit: UInt64?, readPart: @escaping (UInt64, Int) throws(BlockError) -> Buffer
  ) {
    tableStart = header.snapshotsOffset
    self.readPart = readPart
    self.limit = limit
  }

  /// The next entry; with `shortening`, extra data beyond the limit is left out.
  mutating func next(shortening: Bool = false) throws(BlockError) -> Found {
    let start = tableStart + position
    try load(start)
    var surplus: UInt64 = 0
    if shortening {
      let extra = window.bytes.big32(at: Int(start - windowStart) + 36)
      if extra > Qcow2Limits.snapshotExtraBytes { surplus = UInt64(extra - Qcow2Limits.snapshotExtraBytes) }
    }
    let entry = try surplus > 0 ? shortened(at: start, surplus) : parsed(at: start)
    let end = position + UInt64(entry.unpaddedSize) + surplus
    position = (end + 7) / 8 * 8
    return Found(entry: entry, surplus: surplus, end: end)
  }

  private func parsed(at start: UInt64) throws(BlockError) -> SnapshotEntry {
    try SnapshotEntry(parsing: window.bytes.slice(Int(start - windowStart)..<window.count))
  }

  /// An entry without so many bytes at the end of its extra data.
  private func shortened(at start: UInt64, _ surplus: UInt64) throws(BlockError) -> SnapshotEntry {
    let kept = SnapshotEntry.fixedSize + Int(Qcow2Limits.snapshotExtraBytes)
    let whole = Buffer(count: SnapshotTable.largestEntry)
    var bytes = whole.mutableBytes
    let first = Int(start - windowStart)
    bytes.copy(window.bytes.slice(first..<first + kept))
    bytes.storeBig(Qcow2Limits.snapshotExtraBytes, at: 36)
    let names = try readPart(start + UInt64(kept) + surplus, 2 * Int(UInt16.max))
    bytes.copy(names.bytes, at: kept)
    return try SnapshotEntry(parsing: whole.bytes)
  }

  private mutating func load(_ start: UInt64) throws(BlockError) {
    if let limit, start >= limit { throw BlockError(.corrupt, "Snapshot table entry is cut short") }
    let left = limit.map { $0 - start } ?? .max
    guard
      start < windowStart
        || start + min(SnapshotReader.largestEntry, left) > windowStart + UInt64(window.count)
    else { return }
    windowStart = start
    window = try readPart(start, Int(min(2 * SnapshotReader.largestEntry, left)))
  }
}
