// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// A table of 64-bit entries that is in memory as a whole: an L1 table or a refcount table.
struct TableInMemory {
  /// The offset of the table in the file.
  private(set) var offset: UInt64
  /// How many entries there are.
  private(set) var count: Int
  private var buffer: Buffer
  private var dirty = 0..<0

  /// A table of zeros.
  init(offset: UInt64, count: Int) {
    self.offset = offset
    self.count = count
    buffer = Buffer(count: count * 8)
  }

  /// Reads a table; entries past the end of the file are zeros.
  init(offset: UInt64, count: Int, from file: Edge) throws(BlockError) {
    self.init(offset: offset, count: count)
    var bytes = buffer.mutableBytes
    try file.read(at: offset, into: &bytes)
  }

  /// Bytes in the file.
  var byteCount: UInt64 { UInt64(count) * 8 }
  /// Whether the file lacks any entry.
  var isDirty: Bool { !dirty.isEmpty }
  /// The entries as they stand on disk.
  var bytes: RawSpan {
    @_lifetime(borrow self) get { buffer.bytes }
  }

  /// The entry at an index inside the table.
  subscript(index: Int) -> UInt64 {
    get { buffer.bytes.big64(at: index * 8) }
    set {
      // A copy of this table keeps its entries: after a change that fails, the copy is used again.
      if !isKnownUniquelyReferenced(&buffer) { buffer = Buffer(copying: buffer.bytes) }
      var bytes = buffer.mutableBytes
      bytes.storeBig(newValue, at: index * 8)
      let changed = index * 8..<index * 8 + 8
      dirty =
        dirty.isEmpty
        ? changed : min(dirty.lowerBound, changed.lowerBound)..<max(dirty.upperBound, changed.upperBound)
    }
  }

  /// How many entries from `start` on, up to `end`, have no bit of `mask` set.
  func emptyRun(from start: Int, to end: Int, mask: UInt64) -> Int {
    buffer.bytes.run64(start..<end, first: 0, step: 0, mask: mask)
  }

  /// The same entries, and zeros behind them, at another place; all of it has to be written.
  func moved(to offset: UInt64, count: Int) -> TableInMemory {
    var result = TableInMemory(offset: offset, count: count)
    let target = result.buffer
    var bytes = target.mutableBytes
    bytes.copy(buffer.bytes.slice(0..<min(self.count, count) * 8))
    result.dirty = 0..<count * 8
    return result
  }

  /// The first entries, where they are; the file has all of them.
  func prefix(_ count: Int) -> TableInMemory {
    var result = moved(to: offset, count: count)
    result.dirty = 0..<0
    return result
  }

  /// Writes what the file lacks.
  mutating func write(to file: Edge) throws(BlockError) {
    guard !dirty.isEmpty else { return }
    let start = dirty.lowerBound / 512 * 512
    let end = min((dirty.upperBound + 511) / 512 * 512, buffer.count)
    try file.write(at: offset + UInt64(start), from: buffer.bytes.slice(start..<end))
    dirty = 0..<0
  }
}
