// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

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
