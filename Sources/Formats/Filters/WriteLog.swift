// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// A log of changes, as Linux' documentation of `dm-log-writes` has it: a sector that tells how many entries there are,
/// and behind it the entries, a sector each, with their data. All numbers are little-endian.
final class WriteLog: @unchecked Sendable {
  // Sendable because the state is guarded by the lock.

  /// The place where a log ends.
  struct End {
    var sectorSize: UInt64
    var entries: UInt64
    /// The next sector that is free; the first has the superblock.
    var sector: UInt64 = 1

    init(sectorSize: UInt64, entries: UInt64) {
      self.sectorSize = sectorSize
      self.entries = entries
    }
  }

  fileprivate enum Flags {
    static let flush: UInt64 = 1
    static let discard: UInt64 = 4
  }

  fileprivate static let magic: UInt64 = 0x6a_7366_7773_6872
  fileprivate static let version: UInt64 = 1
  /// Bytes of the superblock and of an entry that mean something.
  fileprivate static let headerLength = 32

  let sectorSize: UInt64
  private let interval: UInt64
  private let lock = ConditionLock()
  private var end: End
  /// The number of entries that the superblock tells; nil before it is written.
  private var told: UInt64?

  init(_ end: End, interval: UInt64) {
    sectorSize = end.sectorSize
    self.end = end
    self.interval = interval
  }

  /// - Throws: where the unit of a log is none.
  static func refuse(sectorSize: UInt64) throws(BlockError) {
    guard (64..<16 << 20).contains(sectorSize), sectorSize & (sectorSize - 1) == 0 else {
      throw BlockError(.invalidArgument, "Invalid log sector size \(sectorSize)")
    }
  }

  // MARK: Writing

  /// Logs that whole sectors were written.
  func append(_ data: RawSpan, at offset: UInt64, to log: Edge) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try log.write(at: (end.sector + 1) * sectorSize, from: data)
    try appendChange(at: offset, length: UInt64(data.byteCount), flags: 0, log)
  }

  /// Logs that whole sectors became zero.
  func appendZeroes(at offset: UInt64, length: UInt64, to log: Edge) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try log.writeZeroes(at: (end.sector + 1) * sectorSize, length: length)
    try appendChange(at: offset, length: length, flags: 0, log)
  }

  /// Logs that whole sectors were given back, of which no data is kept.
  func appendDiscard(at offset: UInt64, length: UInt64, to log: Edge) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try appendChange(at: offset, length: length, flags: Flags.discard, log)
  }

  /// Logs that everything before is durable, and makes the log so.
  func appendFlush(to log: Edge) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try appendEntry(at: 0, length: 0, flags: Flags.flush, log)
    try writeSuperblock(log)
    try log.flush()
  }

  /// Lets the log tell of all its entries.
  func finish(_ log: Edge) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let told, told != end.entries else { return }
    try writeSuperblock(log)
    try log.flush()
  }

  private func appendChange(at offset: UInt64, length: UInt64, flags: UInt64, _ log: Edge) throws(BlockError)
  {
    try appendEntry(at: offset, length: length, flags: flags, log)
    if end.entries - (told ?? 0) >= interval { try writeSuperblock(log) }
  }

  private func appendEntry(at offset: UInt64, length: UInt64, flags: UInt64, _ log: Edge) throws(BlockError) {
    // From the first entry on there is a log, which tells of none at first.
    if told == nil { try writeSuperblock(log) }
    try writeHeader(at: end.sector, [offset / sectorSize, length / sectorSize, flags, 0], log)
    end.sector += 1 + (flags == Flags.discard ? 0 : length / sectorSize)
    end.entries += 1
  }

  private func writeSuperblock(_ log: Edge) throws(BlockError) {
    try writeHeader(at: 0, [WriteLog.magic, WriteLog.version, end.entries, sectorSize], log)
    told = end.entries
  }

  private func writeHeader(at sector: UInt64, _ values: [UInt64], _ log: Edge) throws(BlockError) {
    let buffer = Buffer(count: Int(sectorSize))
    var bytes = buffer.mutableBytes
    bytes.fill()
    for (index, value) in values.enumerated() { bytes.storeLittle(value, at: 8 * index) }
    try log.write(at: sector * sectorSize, from: buffer.bytes)
  }
}

extension WriteLog.End {
  /// Reads where a log ends that goes on.
  ///
  /// - Throws: where there is no log, or one that contradicts itself.
  init(readFrom log: Edge) throws(BlockError) {
    let length = log.length
    guard length >= UInt64(WriteLog.headerLength) else {
      throw BlockError(.corrupt, "Could not read log superblock")
    }
    let header = try log.read(at: 0, count: WriteLog.headerLength)
    guard header.bytes.little64(at: 0) == WriteLog.magic else {
      throw BlockError(.corrupt, "Invalid log superblock magic")
    }
    let version = header.bytes.little64(at: 8)
    guard version == WriteLog.version else {
      throw BlockError(.unsupported, "Unsupported log version \(version)")
    }
    self.init(sectorSize: UInt64(header.bytes.little32(at: 24)), entries: header.bytes.little64(at: 16))
    try WriteLog.refuse(sectorSize: sectorSize)
    let sectors = length / sectorSize
    for _ in 0..<entries {
      guard sector < sectors else { throw BlockError(.corrupt, "The log ends before its last entry") }
      let entry = try log.read(at: sector * sectorSize, count: WriteLog.headerLength)
      let isDiscard = entry.bytes.little64(at: 16) & WriteLog.Flags.discard != 0
      let data = isDiscard ? 0 : entry.bytes.little64(at: 8)
      guard let next = sector.plus(1)?.plus(data) else {
        throw BlockError(.corrupt, "The log ends before its last entry")
      }
      sector = next
    }
    guard sector <= sectors else { throw BlockError(.corrupt, "The log ends before its last entry") }
  }
}
