// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The places in the file of a block table's entries and of the blocks that they map.
///
/// The file is counted in units from `areaOffset` on. Blocks, tables that are found through a directory, and bitmaps that
/// stand apart take whole units.
package struct BlockTableLayout: Sendable {
  /// Guest-visible length in bytes.
  package var length: UInt64
  /// Guest bytes of a block: a multiple of 512.
  package var blockSize: UInt64
  /// The file offset of the table, or of the directory of tables.
  package var tableOffset: UInt64
  /// Entries that the table has room for, or all tables together.
  package var capacity: UInt64
  /// The file offset of unit 0: a multiple of 512. A table that stands alone ends before it.
  package var areaOffset: UInt64
  /// Bytes that stand before a block's guest data and belong to it: a multiple of 512.
  package var lead: UInt64
  /// Bytes of a unit: a multiple of 512 of which lead and block are a multiple.
  package var unit: UInt64
  /// The offset of a new block's guest data is a multiple of this, which is a multiple of 512 itself.
  package var alignment: UInt64 = 512
  /// Whether readers take blocks at any unit, as other programs place them, so that `alignment` is no more than a wish.
  package var mayBeUnaligned = false
  /// How many units the format can tell apart.
  package var unitLimit: UInt64
  /// How many units entries can name at all: what the file has behind them is no place for anything.
  package var largestUnit: UInt64 = .max
  /// Whether every block has its place from the start.
  package var isFixed: Bool
  /// Whether a block keeps its place for good: zeros are stored there, too.
  package var placesStay: Bool
  /// Set where the entries stand in tables that a directory names.
  package var directory: BlockTableDirectory?
  /// Blocks in a row after whose entries the table has one that is not a block's but their bitmap's, if there are any.
  package var bitmapGroup: UInt64?
  /// Set where blocks have bits that tell which of their sectors are stored.
  package var bitmap: SectorBitmap?
  /// The byte that fills the lead of new blocks that are stored as a whole.
  package var leadFill: UInt8 = 0
  /// The byte ranges of everything else in the file, which nothing may overlap: headers, the directory, logs.
  package var reserved: [Range<UInt64>] = []
  /// Byte ranges that are left alone although blocks may stand there: what nothing points to in them is neither a leak nor
  /// a place for a new block.
  package var spare: [Range<UInt64>] = []
  /// Whether a new block is always written as a whole: what is in the file reads as something else than it is.
  package var fillsBlocks = false
  /// Whether a check counts a block as a fragment only where its place does not follow that of the block right before it,
  /// and not where that is none.
  package var gapsAreNoFragments = false
  /// Whether the file may end inside a block behind the end of the disk.
  package var mayEndEarly = false

  /// Makes a layout, whose values the caller holds against the file's length where they come from it. Without `unit`, it
  /// is the space of a block.
  package init(
    length: UInt64, blockSize: UInt64, tableOffset: UInt64, capacity: UInt64, areaOffset: UInt64,
    lead: UInt64 = 0, unit: UInt64? = nil, unitLimit: UInt64, isFixed: Bool = false, placesStay: Bool = false
  ) {
    self.length = length
    self.blockSize = blockSize
    self.tableOffset = tableOffset
    self.capacity = capacity
    self.areaOffset = areaOffset
    self.lead = lead
    self.unit = unit ?? lead + blockSize
    self.unitLimit = unitLimit
    self.isFixed = isFixed
    self.placesStay = placesStay
  }

  /// Whether blocks can be stored in part.
  var storesInPart: Bool { bitmap.map { !$0.isAdvisory } ?? false }

  /// Bytes that a block takes.
  var stride: UInt64 { lead + blockSize }
  /// Units that a block takes.
  var blockUnits: UInt64 { stride / unit }

  /// Blocks that the guest's disk has; the last may be cut short by its length.
  package var blockCount: UInt64 { length.dividedUp(by: blockSize) }

  /// The file offset of a unit. `number` must be below 2^63 divided by `unit`.
  func offset(ofUnit number: UInt64) -> UInt64 { areaOffset + number * unit }

  /// The file offset of the guest data of a block whose first unit is `number`.
  func place(at number: UInt64) -> UInt64 { offset(ofUnit: number) + lead }

  /// The first unit not before another at which a block can start.
  func start(from number: UInt64) -> UInt64 {
    let place = place(at: number)
    return number + ((place.roundedUp(to: alignment) ?? place) - place).dividedUp(by: unit)
  }

  /// The unit that starts at an offset in the file; nil where none does.
  func unit(at offset: UInt64) -> UInt64? {
    guard offset >= areaOffset, (offset - areaOffset) % unit == 0 else { return nil }
    return (offset - areaOffset) / unit
  }

  /// The units that a range of bytes lies in.
  func units(of range: Range<UInt64>) -> Range<UInt64> {
    let start = (max(range.lowerBound, areaOffset) - areaOffset) / unit
    let end = (max(range.upperBound, areaOffset) - areaOffset).dividedUp(by: unit)
    return start..<max(start, end)
  }

  /// The unit behind all that stands in the file besides tables, bitmaps and blocks.
  var endOfReserved: UInt64 { (reserved + spare).map { units(of: $0).upperBound }.max() ?? 0 }

  /// Whether a range of bytes lies on what else stands in the file.
  func isReserved(_ range: Range<UInt64>) -> Bool { reserved.contains { $0.overlaps(range) } }

  /// Whether so many bytes at an offset can be those of a table, a bitmap or a block.
  func isPossible(_ offset: UInt64, _ count: UInt64) -> Bool {
    guard let end = offset.plus(count), Int64(exactly: end) != nil else { return false }
    return !isReserved(offset..<end)
  }

  /// Whole units that a file has room for, and one that it ends in, where it may; as far as entries can name them.
  func unitsInFile(_ length: UInt64) -> UInt64 {
    guard length > areaOffset else { return 0 }
    let area = length - areaOffset
    return min(mayEndEarly ? area.dividedUp(by: unit) : area / unit, largestUnit)
  }

  /// The number of an entry in a table that stands alone.
  func entryIndex(of item: BlockTableItem) -> UInt64 {
    guard let every = bitmapGroup else { return item.number }
    return if case .bitmap(let group) = item { group * (every + 1) + every } else {
      item.number + item.number / every
    }
  }

  /// How many blocks have their entries before one of a table that stands alone.
  func blocks(before index: UInt64) -> UInt64 { bitmapGroup.map { index - index / ($0 + 1) } ?? index }

  /// The entry of a block that got `place`.
  func newEntry(_ place: UInt64, _ isPartial: Bool) -> BlockEntry {
    isPartial || storesInPart && bitmap?.place == .lead ? .partial(place) : .data(place)
  }

  /// Sectors of a block; the last may be cut short by its length.
  var sectorsPerBlock: Int { Int(blockSize.dividedUp(by: bitmap?.sectorSize ?? 512)) }

  /// All sectors of a block.
  var allSectors: Range<UInt64> { 0..<UInt64(sectorsPerBlock) }

  /// The sectors that a range of a block's bytes lies in.
  func sectors(of range: Range<UInt64>) -> Range<UInt64> {
    let size = bitmap?.sectorSize ?? 512
    return range.lowerBound / size..<range.upperBound.dividedUp(by: size)
  }

  /// Calls `body` with each unit of a run at which a block can start, one behind the other, until it answers false.
  func forEachPlace(in run: Range<UInt64>, _ body: (UInt64) -> Bool) {
    guard !isOfUnaligned(run) else {
      var unit = run.lowerBound
      while unit < run.upperBound, body(unit) { unit += blockUnits }
      return
    }
    forEachAlignedPlace(in: run, body)
  }

  /// How many blocks find a place in a run.
  func placeCount(in run: Range<UInt64>) -> UInt64 {
    isOfUnaligned(run) ? UInt64(run.count) / blockUnits : alignedPlaceCount(in: run)
  }

  /// Whether a run is room for just so many blocks, more than find an aligned place there: what blocks of a program leave
  /// that does not align them.
  private func isOfUnaligned(_ run: Range<UInt64>) -> Bool {
    mayBeUnaligned && UInt64(run.count) % blockUnits == 0
      && alignedPlaceCount(in: run) < UInt64(run.count) / blockUnits
  }

  private func forEachAlignedPlace(in run: Range<UInt64>, _ body: (UInt64) -> Bool) {
    var unit = start(from: run.lowerBound)
    while unit < run.upperBound, run.upperBound - unit >= blockUnits, body(unit) {
      unit = start(from: unit + blockUnits)
    }
  }

  private func alignedPlaceCount(in run: Range<UInt64>) -> UInt64 {
    let first = start(from: run.lowerBound)
    guard stride % alignment != 0 else {
      return first < run.upperBound ? (run.upperBound - first) / blockUnits : 0
    }
    var count: UInt64 = 0
    forEachAlignedPlace(in: run) { _ in
      count += 1
      return true
    }
    return count
  }
}

/// A list of tables, each with the entries of so many blocks in a row. An absent table has holes; a new one is all zero
/// bytes, which must spell holes.
package struct BlockTableDirectory: Sendable {
  /// Entries of a table.
  package var perTable: UInt64
  /// How the directory's entries are spelled: a hole, or data for the offset of a table.
  package var coding: any BlockEntryCoding
  /// The file offset of a second directory, whose tables have the same entries; nil where there is none.
  package var second: UInt64?
  /// Whether the loading of a table that has just been made is told, as that of any other.
  package var loadsNewTables = false

  /// Makes a list.
  package init(perTable: UInt64, coding: any BlockEntryCoding, second: UInt64? = nil) {
    self.perTable = perTable
    self.coding = coding
    self.second = second
  }
}

/// A bit for each sector of a block: whether it is stored there.
package struct SectorBitmap: Sendable {
  /// The place of a block's bits.
  package enum Place: Sendable, Equatable {
    /// At the start of the block's lead.
    case lead
    /// Together with those of the group's other blocks, in so many bytes: a multiple of the unit.
    case apart(bytes: UInt64)
  }

  /// The place of a block's bits.
  package var place: Place
  /// Bytes of a sector: a multiple of 512.
  package var sectorSize: UInt64
  /// Whether the most significant bit of a byte stands for the first of eight sectors.
  package var isMostSignificantFirst: Bool
  /// Whether blocks are read as a whole whatever their bits are, which are kept true for other programs: entries spell
  /// data, and bits are set of what is written.
  package var isAdvisory = false

  /// Makes a description.
  package init(_ place: Place, sectorSize: UInt64 = 512, isMostSignificantFirst: Bool) {
    self.place = place
    self.sectorSize = sectorSize
    self.isMostSignificantFirst = isMostSignificantFirst
  }

  /// Bytes of a bitmap that stands apart.
  var bytesApart: UInt64 {
    if case .apart(let bytes) = place { bytes } else { 0 }
  }
}
