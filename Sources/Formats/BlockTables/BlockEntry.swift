// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What a block table says about one block of the guest's disk.
package enum BlockEntry: Sendable, Equatable {
  /// Never written: the backing file shows through, or zeros where there is none.
  case hole
  /// Zeros, whatever lies below.
  case zero
  /// Stored: its first guest byte stands at this offset in the file.
  case data(UInt64)
}

/// How a format spells the entries of its block table.
package protocol BlockEntryCoding: Sendable {
  /// Bytes of an entry: 4 or 8.
  var width: Int { get }
  /// Whether the most significant byte stands first.
  var isBigEndian: Bool { get }

  /// What a value says; nil for a value that the format does not have, or whose offset does not fit 63 bits.
  func entry(of value: UInt64) -> BlockEntry?

  /// The value that says it; nil where the format has none, or the offset is out of its reach.
  func value(of entry: BlockEntry) -> UInt64?
}

/// Where a block table and the blocks that it maps stand in the file.
package struct BlockTableLayout: Sendable {
  /// Guest-visible length in bytes.
  package var length: UInt64
  /// Guest bytes of a block: a multiple of 512.
  package var blockSize: UInt64
  /// Where the table starts in the file: a multiple of 512.
  package var tableOffset: UInt64
  /// Entries that the table has room for.
  package var capacity: UInt64
  /// Where the blocks' spaces start in the file: a multiple of 512, not before the end of the table.
  package var areaOffset: UInt64
  /// Bytes of a space that stand before the block's guest data: a multiple of 512.
  package var lead: UInt64
  /// How many spaces the format can tell apart.
  package var spaceLimit: UInt64
  /// Whether every block has its space from the start.
  package var isFixed: Bool
  /// Whether a block keeps its space for good: zeros are stored there, too.
  package var spacesStay: Bool

  /// Makes a layout. Throws nothing: whoever reads the values from a file holds them against its length first.
  package init(
    length: UInt64, blockSize: UInt64, tableOffset: UInt64, capacity: UInt64, areaOffset: UInt64,
    lead: UInt64 = 0, spaceLimit: UInt64, isFixed: Bool = false, spacesStay: Bool = false
  ) {
    self.length = length
    self.blockSize = blockSize
    self.tableOffset = tableOffset
    self.capacity = capacity
    self.areaOffset = areaOffset
    self.lead = lead
    self.spaceLimit = spaceLimit
    self.isFixed = isFixed
    self.spacesStay = spacesStay
  }

  /// Bytes from one space to the next.
  var stride: UInt64 { lead + blockSize }

  /// Blocks that the guest's disk has; the last may be cut short by its length.
  package var blockCount: UInt64 { length / blockSize + (length % blockSize == 0 ? 0 : 1) }

  /// Where a space starts in the file. `number` must be below 2^63 divided by `stride`.
  func offset(ofSpace number: UInt64) -> UInt64 { areaOffset + number * stride }

  /// The space whose guest data starts at an offset in the file; nil where none does.
  func space(of offset: UInt64) -> UInt64? {
    guard offset >= areaOffset + lead, (offset - areaOffset - lead) % stride == 0 else { return nil }
    return (offset - areaOffset - lead) / stride
  }
}
