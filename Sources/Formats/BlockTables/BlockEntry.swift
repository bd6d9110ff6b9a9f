// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// One entry of a block table: the state of one block of the guest's disk.
package enum BlockEntry: Sendable, Equatable {
  /// Never written: the backing file shows through, or zeros where there is none.
  case hole
  /// Zeros, whatever lies below.
  case zero
  /// Stored: its first guest byte stands at this offset in the file.
  case data(UInt64)
  /// The same, but only for the sectors that the block's bitmap names; the others are as in a hole.
  case partial(UInt64)
  /// Stored compressed, in so many bytes from this offset in the file: only the driver can read it.
  case compressed(at: UInt64, length: UInt64)

  /// The file offset of the block's first guest byte; nil for a block without a place of its own.
  var place: UInt64? {
    switch self {
    case .data(let offset), .partial(let offset): offset
    case .hole, .zero, .compressed: nil
    }
  }

  /// Whether only some sectors are stored.
  var isPartial: Bool {
    if case .partial = self { true } else { false }
  }

  /// The same entry, so many bytes further on in the file.
  func moved(by distance: UInt64) -> BlockEntry {
    switch self {
    case .data(let offset): .data(offset &+ distance)
    case .partial(let offset): .partial(offset &+ distance)
    case .compressed(let offset, let length): .compressed(at: offset &+ distance, length: length)
    case .hole, .zero: self
    }
  }
}

/// How a format spells the entries of a table.
package protocol BlockEntryCoding: Sendable {
  /// Bytes of an entry: 4 or 8.
  var width: Int { get }
  /// Whether the most significant byte stands first.
  var isBigEndian: Bool { get }

  /// The entry that `value` spells; nil for a value that the format does not have, or whose offset does not fit 63
  /// bits.
  func entry(of value: UInt64) -> BlockEntry?

  /// The value that spells `entry`; nil where the format has none, or the offset is out of its reach.
  func value(of entry: BlockEntry) -> UInt64?
}

extension BlockEntryCoding {
  /// The value at a byte offset.
  func value(_ bytes: RawSpan, at offset: Int) -> UInt64 {
    switch (width, isBigEndian) {
    case (8, true): bytes.big64(at: offset)
    case (8, false): bytes.little64(at: offset)
    case (_, true): UInt64(bytes.big32(at: offset))
    case (_, false): UInt64(bytes.little32(at: offset))
    }
  }

  /// How many of `count` entries from a byte offset on have the value that stands there: at least 1.
  func sameEntries(_ bytes: RawSpan, at offset: Int, of count: UInt64) -> UInt64 {
    guard count > 1 else { return 1 }
    let value = value(bytes, at: offset)
    // Eight bytes at a time, as they stand there.
    let perWord = UInt64(8 / width)
    var word = isBigEndian ? value : value.byteSwapped
    if perWord == 2 {
      let half = isBigEndian ? value : word >> 32
      word = half << 32 | half
    }
    var found: UInt64 = offset % 8 == 0 ? 0 : 1
    let first = (offset + Int(found) * width) / 8
    let words = Int((count - found) / perWord)
    found += perWord * UInt64(bytes.run64(first..<first + words, first: word, step: 0, mask: .max))
    while found < count, self.value(bytes, at: offset + Int(found) * width) == value { found += 1 }
    return found
  }

  /// Writes the values of a new table's entries, a run at a time: the first at `offset` in the file.
  ///
  /// - Parameter period: entries after which the values are those at the start again; nil where they are not.
  package func writeTable(
    of count: UInt64, at offset: UInt64, period: UInt64? = nil, to file: Edge, value: (UInt64) -> UInt64
  ) throws(BlockError) {
    let width = UInt64(width)
    let buffer = Buffer(count: Int(min(1 << 20, max(count, 1) * width)))
    var perRun = UInt64(buffer.count) / width
    if let period, period > 0, period < perRun { perRun -= perRun % period }
    let isRepeated = period.map { $0 > 0 && perRun.isMultiple(of: $0) } ?? false
    var done: UInt64 = 0
    while done < count {
      let run = min(count - done, perRun)
      if done == 0 || !isRepeated {
        var bytes = buffer.mutableBytes
        for index in 0..<run { store(value(done + index), in: &bytes, at: Int(index * width)) }
      }
      try file.write(at: offset + done * width, from: buffer.bytes.slice(0..<Int(run * width)))
      done += run
    }
  }

  /// Puts a value at a byte offset.
  func store(_ value: UInt64, in bytes: inout MutableRawSpan, at offset: Int) {
    let narrow = UInt32(truncatingIfNeeded: value)
    switch (width, isBigEndian) {
    case (8, true): bytes.storeBig(value, at: offset)
    case (8, false): bytes.storeLittle(value, at: offset)
    case (_, true): bytes.storeBig(narrow, at: offset)
    case (_, false): bytes.storeLittle(narrow, at: offset)
    }
  }
}
