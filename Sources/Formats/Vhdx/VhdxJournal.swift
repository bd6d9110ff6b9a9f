// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// The way of changed tables into the file: an entry of the log, which has them all, then in their places.
///
/// Every entry is its own tail: what the one before asked for is safe in the file when the next one is written.
final class VhdxJournal: TableJournal, @unchecked Sendable {
  let unit = UInt64(VhdxLogEntry.sector)
  private let headers: VhdxHeaderStore
  /// The log's bytes in the file.
  private let range: Range<UInt64>
  private let lock = ConditionLock()
  /// The id of this session's entries. Guarded by `lock`, as is all that follows.
  private let id = GUID.random()
  /// Whether the header names the log's entries.
  private var isActive = false
  /// The place of the next entry.
  private var position: UInt64 = 0
  private var sequence: UInt64 = 1
  /// What the latest entry asks for where that could not be written to its places.
  private var unapplied: [(offset: UInt64, bytes: Buffer)] = []

  init(_ range: Range<UInt64>, _ headers: VhdxHeaderStore) {
    self.range = range
    self.headers = headers
  }

  private var length: UInt64 { UInt64(range.count).roundedDown(to: unit) }

  func write(_ parts: [TablePart], of node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    let most = min(VhdxLogEntry.descriptorsInFirst, Int(length / unit) - 1)
    guard most > 0 else { throw BlockError(.unsupported, "the VHDX log has no room for an entry") }
    try lock.withLock { () throws(BlockError) in
      try catchUp(file)
      for start in stride(from: 0, to: parts.count, by: most) {
        if start > 0 { try file.flush() }
        let batch = Array(parts[start..<min(parts.count, start + most)])
        try append(batch, file)
        do throws(BlockError) {
          for part in batch {
            try part.withBytes { (bytes) throws(BlockError) in try file.write(at: part.offset, from: bytes) }
          }
        } catch {
          // It has happened all the same: the log says so.
          for part in batch {
            try part.withBytes { (bytes) throws(BlockError) in
              unapplied.append((part.offset, Buffer(copying: bytes)))
            }
          }
          throw error
        }
      }
    }
  }

  /// Brings what the log alone has to its places, before the log is used otherwise.
  private func catchUp(_ file: Edge) throws(BlockError) {
    guard !unapplied.isEmpty else { return }
    for (offset, bytes) in unapplied { try file.write(at: offset, from: bytes.bytes) }
    try file.flush()
    unapplied = []
  }

  private func append(_ parts: [TablePart], _ file: Edge) throws(BlockError) {
    let fileLength = file.length
    let entry = VhdxLogEntry(
      entryLength: 0, tail: UInt32(position), sequence: sequence, descriptorCount: 0, logID: id,
      flushedFileLength: fileLength, fileLength: fileLength
    ).bytes(parts)
    let count = UInt64(entry.count)
    let first = min(count, length - position)
    try file.write(at: range.lowerBound + position, from: entry.bytes.slice(0..<Int(first)))
    if first < count {
      try file.write(at: range.lowerBound, from: entry.bytes.slice(Int(first)..<Int(count)))
    }
    if isActive { try file.flush() } else { try headers.change(in: file) { $0.logID = id } }
    isActive = true
    position = (position + count) % length
    sequence += 1
  }

  func settle(_ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try lock.withLock { () throws(BlockError) in
      guard isActive else { return }
      try catchUp(file)
      try headers.change(in: file) { $0.logID = .none }
      isActive = false
    }
  }
}
