// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The state of an L2 table that a check has read.
struct TableState {
  /// Whether anything in it was found wrong.
  var isDamaged = false
  /// Whether marks for "refcount is 1" may be wrong in it.
  var hasWrongFlags = false
  /// How many of them are, once they were looked at.
  var wrongFlags: UInt32?
  /// References to the whole table beyond the first, not yet added to what it points to.
  var repeats: UInt32 = 0
  var allocated: UInt32 = 0
  var fragmented: UInt32 = 0
  var compressed: UInt32 = 0
}

/// L1 tables and the L2 tables that they point to.
extension ImageCheck {
  /// Bytes of tables that are read at once.
  static let readBytes: UInt64 = 1 << 20
  /// Bits of an L1 entry that must be zero.
  static let reservedL1: UInt64 = 0x7f00_0000_0000_01ff

  /// Counts an L1 table, the tables it points to, and all that those point to.
  func walkL1(at offset: UInt64, size: UInt32, isActive: Bool) throws(BlockError) {
    let bytes = UInt64(size) * UInt64(L1Entry.size)
    try addReferences(at: offset, bytes: bytes, canMend: true)
    // The part of a table past the end of the file reads as zeros: no L2 tables.
    guard offset < fileLength, size > 0 else { return }
    let end = min(bytes, fileLength - offset + (geometry.clusterSize - 1)) / 8 * 8
    context.expect(end)
    let buffer = Buffer(count: Int(min(end, ImageCheck.readBytes)))
    let tables = tableRun
    var position: UInt64 = 0
    while position < end {
      let count = Int(min(end - position, UInt64(buffer.count)))
      var target = buffer.mutableBytes
      var part = target.slice(0..<count)
      do throws(BlockError) {
        try file.read(at: offset + position, into: &part)
      } catch {
        return foundUnreadable(offset + position, error.message)
      }
      try walkL1Part(buffer.bytes.slice(0..<count), tables, isActive: isActive)
      position += UInt64(count)
      context.advance(UInt64(count))
    }
  }

  private func walkL1Part(_ bytes: RawSpan, _ run: TableRun, isActive: Bool) throws(BlockError) {
    guard !bytes.isZero else { return }
    let count = bytes.byteCount / L1Entry.size
    for index in 0..<count {
      let entry = L1Entry(rawValue: bytes.big64(at: index * L1Entry.size))
      guard entry.rawValue != 0 else { continue }
      if entry.rawValue & ImageCheck.reservedL1 != 0 {
        found(.reservedBitsL1(entry: entry.rawValue), canMend: true)
      }
      if repair == .all, isRoot(entry.offset >> geometry.clusterBits) {
        found(.overlappingL2Table(offset: entry.offset), canMend: true)
        if !isActive, entry.offset >> geometry.clusterBits != 0 { hasClaimedL1 = true }
        continue
      }
      try addReferences(at: entry.offset, bytes: geometry.clusterSize, canMend: true)
      let isAligned = geometry.offsetInCluster(entry.offset) == 0
      if !isAligned { found(.unalignedL2Table(offset: entry.offset), canMend: true) }
      guard entry.offset < fileLength, isAligned || repair != .all else { continue }
      if try countAgain(entry.offset, isAligned: isAligned, isActive: isActive) { continue }
      if !run.holds(entry.offset, geometry.clusterSize) {
        try context.checkInterrupted()
        var wanted = geometry.clusterSize
        var next = index + 1
        while next < count, wanted < run.capacity,
          L1Entry(rawValue: bytes.big64(at: next * L1Entry.size)).offset == entry.offset + wanted
        {
          wanted += geometry.clusterSize
          next += 1
        }
        if let reason = run.load(entry.offset, wanted, from: file) {
          foundUnreadable(entry.offset, reason)
          continue
        }
      }
      let buffer = run.buffer
      let table = buffer.bytes.slice(run.range(of: entry.offset, geometry.clusterSize))
      var state = try walkL2(table, isActive: isActive)
      if let known = tables[entry.offset], known.hasWrongFlags { state.hasWrongFlags = true }
      tables[entry.offset] = state
    }
  }

  /// Whether nothing more is to be done about a table now, because it was looked at before.
  private func countAgain(_ offset: UInt64, isAligned: Bool, isActive: Bool) throws(BlockError) -> Bool {
    guard let state = tables[offset] else { return isAligned ? false : !takeBudget(geometry.l2Entries) }
    if state.isDamaged && takeBudget(geometry.l2Entries) { return false }
    tables[offset]?.repeats &+= 1
    if isActive {
      result.allocatedClusters += UInt64(state.allocated)
      result.fragmentedClusters += UInt64(state.fragmented)
      result.compressedClusters += UInt64(state.compressed)
    }
    return true
  }

  /// Whether there is time to look at so many entries that were looked at before.
  func takeBudget(_ entries: UInt64) -> Bool {
    guard repeatBudget >= entries else { return false }
    repeatBudget -= entries
    return true
  }

  /// Adds what tables with several references point to, as often as they have further references.
  func addRepeatedTables() throws(BlockError) {
    var repeated: [UInt64] = []
    for (offset, state) in tables where state.repeats > 0 { repeated.append(offset) }
    guard !repeated.isEmpty else { return }
    repeated.sort()
    let run = TableRun(geometry.clusterSize)
    for offset in repeated {
      guard let state = tables[offset] else { continue }
      try context.checkInterrupted()
      if let reason = run.load(offset, geometry.clusterSize, from: file) {
        foundUnreadable(offset, reason)
        continue
      }
      let buffer = run.buffer
      let bytes = buffer.bytes
      var entries = L2Walk(geometry)
      while let (_, entry) = entries.next(in: bytes) {
        guard let range = hostRange(entry) else { continue }
        let before = findings
        try addReferences(at: range.offset, bytes: range.bytes, count: UInt64(state.repeats), canMend: true)
        if findings != before { break }
      }
    }
  }
}

/// Neighbouring tables in memory, read in one go.
final class TableRun {
  let capacity: UInt64
  let buffer: Buffer
  private var offset: UInt64 = 0
  private var bytes: UInt64 = 0

  /// Room for so many bytes.
  init(_ capacity: UInt64) {
    self.capacity = capacity
    buffer = Buffer(count: Int(capacity))
  }

  /// Whether a table is in memory.
  func holds(_ table: UInt64, _ size: UInt64) -> Bool {
    table >= offset && table - offset <= bytes && bytes - (table - offset) >= size
  }

  /// Reads tables. Returns the reason of a failure; nil where there was none.
  func load(_ offset: UInt64, _ bytes: UInt64, from file: Edge) -> String? {
    self.offset = offset
    self.bytes = 0
    let buffer = self.buffer
    var target = buffer.mutableBytes
    var part = target.slice(0..<Int(bytes))
    do throws(BlockError) {
      if file.isHole(at: offset, length: bytes) {
        part.fill()
      } else {
        try file.read(at: offset, into: &part)
      }
    } catch {
      return error.message
    }
    self.bytes = bytes
    return nil
  }

  /// The range of a table in the buffer. The table must be in memory.
  func range(of table: UInt64, _ size: UInt64) -> Range<Int> {
    let start = Int(table - offset)
    return start..<start + Int(size)
  }
}
