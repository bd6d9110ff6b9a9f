// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The entries of a block table: where they stand, what they say, and the way of those that changed into the file.
///
/// Belongs to the lock of the table. Tables that a directory names are there already when entries of theirs are set.
final class BlockEntries {
  /// Blocks looked at for one answer: enough that every answer is worth the call, few enough that it is soon there.
  static let blocksPerAnswer: UInt64 = 1 << 16

  private(set) var layout: BlockTableLayout
  private(set) var coding: any BlockEntryCoding
  /// Bitmaps, entries, and the entries of directories, in the order in which they reach the file.
  private(set) var bitmaps: TableCache
  private(set) var cache: TableCache
  private(set) var directories: TableCache
  /// The way of all three into the file; nil where they are written where they stand.
  let journal: (any TableJournal)?
  private let count: (any TableCount)?
  private let free: FreeSpace
  /// The offsets of the second table's slices, by the offset of the first table's slice, for slices with changed
  /// entries.
  private var twins: [UInt64: UInt64] = [:]
  /// Those of tables, or of bitmaps that stand apart; nil until they have been looked for, and where there are none.
  private var tablePlaces: TablePlaces?
  /// The bytes of the table that was made last.
  private(set) var newTable: Range<UInt64> = 0..<0
  /// Blocks that have entries already though the guest's disk does not have them yet; 0 for no more than it has.
  private(set) var madeBlocks: UInt64 = 0

  /// Entries that are in the file already. `free` knows where the units in use end, which `count` is told before entries
  /// name them.
  init(
    _ layout: BlockTableLayout, _ coding: any BlockEntryCoding, journal: (any TableJournal)?,
    count: (any TableCount)?, free: FreeSpace
  ) {
    precondition(journal == nil || layout.directory?.second == nil, "a second directory has no journal")
    self.layout = layout
    self.coding = coding
    self.journal = journal
    self.count = count
    self.free = free
    (bitmaps, cache, directories) = BlockEntries.makeCaches(layout, coding)
  }

  private static func makeCaches(
    _ layout: BlockTableLayout, _ coding: any BlockEntryCoding
  ) -> (TableCache, TableCache, TableCache) {
    (
      makeCache(layout.bitmap?.place == .lead ? layout.lead : nil),
      makeCache(layout.directory.map { $0.perTable * UInt64(coding.width) }),
      makeCache(layout.directory.map { layout.capacity / $0.perTable * UInt64($0.coding.width) })
    )
  }

  private static func makeCache(_ bytes: UInt64?) -> TableCache {
    let slice = bytes.flatMap { $0 == 0 ? nil : $0.roundedUp(to: 512) } ?? .max
    return TableCache(bytes: 2 << 20, sliceBytes: Int(min(slice, 64 << 10)))
  }

  // MARK: Layout

  /// Goes on with a table elsewhere, whose entries are in the file.
  func use(_ layout: BlockTableLayout, _ coding: any BlockEntryCoding, _ held: borrowing Held) {
    self.layout = layout
    self.coding = coding
    forget(held)
  }

  /// Goes on with another length of the same table, which has the entries for it.
  func useLength(of layout: BlockTableLayout, _ held: borrowing Held) {
    self.layout = layout
    madeBlocks = 0
  }

  /// Lets blocks that `next` has more have entries, before the guest's disk has them; until `useLength`.
  func beginGrowth(to next: BlockTableLayout, _ held: borrowing Held) {
    layout.unitLimit = next.unitLimit
    madeBlocks = next.blockCount
  }

  /// Lets so many units be told apart.
  func limitUnits(to limit: UInt64, _ held: borrowing Held) { layout.unitLimit = limit }

  /// Lets byte ranges of the file be something that is neither a table nor a bitmap or block.
  func reserve(_ places: [Range<UInt64>], _ held: borrowing Held) { layout.reserved += places }

  /// Lets byte ranges that were reserved be so no more.
  func release(_ places: [Range<UInt64>], _ held: borrowing Held) {
    layout.reserved.removeAll { places.contains($0) }
  }

  /// Forgets what is in memory of the file, which has all of it.
  func forget(_ held: borrowing Held) {
    precondition(!isDirty, "block table with unwritten entries")
    dropUnwritten(held)
  }

  /// Forgets what the file lacks, too.
  func dropUnwritten(_ held: borrowing Held) {
    twins = [:]
    tablePlaces = nil
    (bitmaps, cache, directories) = BlockEntries.makeCaches(layout, coding)
  }

  // MARK: Values and entries

  /// The entry of a block.
  func entry(of block: UInt64, releasing: Bool = false, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    try entry(of: block, at: place(of: block, releasing: releasing, held), held)
  }

  /// The entry of a block, which has this place.
  func entry(of block: UInt64, at place: Place, _ held: borrowing Held) throws(BlockError) -> BlockEntry {
    try entry(of: .block(block), at: place, held)
  }

  /// The entry of an item, which has this place; throws `corrupt` where it makes no sense.
  func entry(of item: BlockTableItem, at place: Place, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    try entry(value(place, as: item.isTable ? layout.directory?.coding : nil, held), of: item, held)
  }

  /// The entry that `value` spells for an item; throws `corrupt` where it makes no sense.
  func entry(_ value: UInt64, of item: BlockTableItem, _ held: borrowing Held) throws(BlockError)
    -> BlockEntry
  {
    guard let entry = checked(value, of: item, held) else {
      throw BlockError(
        .corrupt, "\(item) (0x\(String(value, radix: 16))) points to no place where that can be",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
    return entry
  }

  /// The entry that `value` spells, nil where it makes no sense in any file.
  func checked(_ value: UInt64, of item: BlockTableItem, _ held: borrowing Held) -> BlockEntry? {
    let coding = item.isTable ? layout.directory?.coding : self.coding
    guard let entry = coding?.entry(of: value) else { return nil }
    guard case .block = item else {
      // Only a place can be told of anything else.
      guard let place = entry.place else { return .hole }
      return layout.unit(at: place) != nil && layout.isPossible(place, bytes(of: item, held)) ? entry : nil
    }
    switch entry {
    case .hole, .zero: return entry
    case .data(let offset), .partial(let offset):
      guard offset >= layout.lead, layout.unit(at: offset - layout.lead) != nil else { return nil }
      return layout.isPossible(offset - layout.lead, layout.stride) ? entry : nil
    case .compressed(let offset, let length):
      return offset >= layout.areaOffset && length > 0 && layout.isPossible(offset, length) ? entry : nil
    }
  }

  /// Bytes of the file that an item takes, which is not a compressed block.
  func bytes(of item: BlockTableItem, _ held: borrowing Held) -> UInt64 {
    switch item {
    case .block: layout.stride
    case .bitmap: layout.bitmap?.bytesApart ?? 0
    case .table, .secondTable: (layout.directory?.perTable ?? 0) * UInt64(coding.width)
    }
  }

  /// The bytes of the file that an item with an entry that makes sense takes.
  func place(of item: BlockTableItem, _ entry: BlockEntry, _ held: borrowing Held) -> Range<UInt64>? {
    if case .compressed(let offset, let length) = entry { return offset..<offset + length }
    guard let place = entry.place else { return nil }
    let start = if case .block = item { place - layout.lead } else { place }
    return start..<start + bytes(of: item, held)
  }

  /// The end of the bytes that the file has to have of an item that takes `bytes`: of a block that holds the end of the
  /// disk, nothing behind that where the file may end early.
  func neededEnd(of item: BlockTableItem, _ entry: BlockEntry, _ bytes: Range<UInt64>, _ held: borrowing Held)
    -> UInt64
  {
    guard layout.mayEndEarly, case .block(let number) = item, let place = entry.place,
      let start = number.times(layout.blockSize), start < layout.length
    else { return bytes.upperBound }
    return place + min(layout.blockSize, layout.length - start)
  }

  /// The units that an item takes.
  func units(of item: BlockTableItem, _ entry: BlockEntry, _ held: borrowing Held) -> Range<UInt64>? {
    place(of: item, entry, held).map { layout.units(of: $0) }
  }

  /// The units that a value names; throws where it makes no sense.
  func units(of item: BlockTableItem, value: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<
    UInt64
  >? {
    try units(of: item, entry(value, of: item, held), held)
  }

  /// The value that spells an item's entry; throws `tooLarge` where there is none.
  func value(of entry: BlockEntry, for item: BlockTableItem, _ held: borrowing Held) throws(BlockError)
    -> UInt64
  {
    let coding = item.isTable ? layout.directory?.coding ?? self.coding : self.coding
    guard let value = coding.value(of: entry) else {
      throw BlockError(.tooLarge, "\(item) cannot say where that is")
    }
    return value
  }

  // MARK: Changes

  /// Changes the entry of an item in memory; a block's stands in a table that is there.
  func set(_ entry: BlockEntry, of item: BlockTableItem, _ held: borrowing Held) throws(BlockError) {
    let value = try value(of: entry, for: item, held)
    switch item {
    case .block(let block):
      let place = try place(of: block, releasing: false, held)
      try noteTwin(of: block, place, held)
      store(value, at: place, in: cache, coding, held)
    case .bitmap(let group):
      let found = try bitmapPlace(of: group, held)
      notePlace(of: item, entry, insteadOf: self.value(found, held), held)
      store(value, at: found, in: cache, coding, held)
    case .table, .secondTable:
      let found = try directoryPlace(of: item, releasing: false, held)
      let coding = layout.directory?.coding ?? self.coding
      notePlace(of: item, entry, insteadOf: self.value(found, as: coding, held), held)
      store(value, at: found, in: directories, coding, held)
    }
  }

  /// Notes that a table or bitmap is about to have a place. Where there was one before, something else can be.
  private func notePlace(
    of item: BlockTableItem, _ entry: BlockEntry, insteadOf old: UInt64, _ held: borrowing Held
  ) {
    let coding = item.isTable ? layout.directory?.coding : self.coding
    if old == coding?.value(of: .hole), let place = place(of: item, entry, held) {
      newTable = place
      tablePlaces?.add(place)
    } else {
      tablePlaces = nil
    }
  }

  private func store(
    _ value: UInt64, at place: Place, in cache: TableCache, _ coding: any BlockEntryCoding,
    _ held: borrowing Held
  ) {
    guard let slice = place.slice else { return }
    let buffer = slice.buffer
    var bytes = buffer.mutableBytes
    coding.store(value, in: &bytes, at: place.offset)
    cache.markDirty(slice, place.offset..<place.offset + coding.width, held)
  }

  /// Notes where the entries of a slice have to be written, too.
  private func noteTwin(of block: UInt64, _ place: Place, _ held: borrowing Held) throws(BlockError) {
    guard let directory = layout.directory, directory.second != nil, let slice = place.slice,
      twins[slice.offset] == nil
    else { return }
    let number = block / directory.perTable
    var found: [UInt64] = []
    for item in [BlockTableItem.table(number), .secondTable(number)] {
      let value = value(try directoryPlace(of: item, releasing: false, held), as: directory.coding, held)
      guard let table = checked(value, of: item, held)?.place else { return }
      found.append(table)
    }
    twins[slice.offset] = found[1] + (slice.offset - found[0])
  }

  // MARK: Reaching the file

  /// Writes what changed: bitmaps, entries, directories, each after all that it points to.
  func writeEntries(_ held: borrowing Held) throws(BlockError) {
    let file = try held.node.child(in: .file)
    if let count, isDirty, let end = free.end, count.units < end {
      try file.flush()
      try count.set(end, in: file)
    }
    for level in [bitmaps, cache, directories] where level.isDirty {
      try file.flush()
      if level !== bitmaps { held.node.note(level === cache ? .l2Update : .l1Update, to: file) }
      if let journal {
        try level.writeDirty(inUnitsOf: journal.unit, held) { (parts) throws(BlockError) in
          try journal.write(parts, of: held.node)
        }
      } else {
        try level.writeDirty(to: file, alsoAt: { self.twins[$0] }, held) { (_, _) throws(BlockError) in }
      }
    }
    twins = [:]
  }

  /// Whether the file lacks anything.
  var isDirty: Bool { bitmaps.isDirty || cache.isDirty || directories.isDirty }

  // MARK: Tables among the blocks

  /// The places of all tables, or of all bitmaps that stand apart, as far as they are in the file; nil where there are
  /// neither. Others may run while they are looked for.
  func knownTablePlaces(_ held: borrowing Held) throws(BlockError) -> TablePlaces? {
    let every = layout.bitmap == nil ? nil : layout.bitmapGroup
    guard tablePlaces == nil, layout.directory != nil || every != nil else { return tablePlaces }
    let end = try held.node.child(in: .file).length
    var tables: [(number: UInt64, place: Range<UInt64>)] = []
    func note(_ item: BlockTableItem, _ value: UInt64, _ held: borrowing Held) {
      guard let entry = checked(value, of: item, held), let place = place(of: item, entry, held),
        place.lowerBound < end
      else { return }
      tables.append((item.number, place))
    }
    if layout.directory != nil {
      if directories.isDirty { try writeEntries(held) }
      try scanDirectory(held) { (item, value) throws(BlockError) in note(item, value, held) }
    } else if let every {
      for group in 0..<layout.blockCount.dividedUp(by: every)
      where layout.entryIndex(of: .bitmap(group)) < layout.capacity {
        note(.bitmap(group), value(try bitmapPlace(of: group, held), held), held)
      }
    }
    tablePlaces = TablePlaces(tables)
    return tablePlaces
  }

  /// Whether an entry of a block points onto a table, or a bitmap that stands apart.
  func isOnTable(_ entry: BlockEntry, of block: UInt64, _ held: borrowing Held) throws(BlockError) -> Bool {
    guard let places = try knownTablePlaces(held), let place = place(of: .block(block), entry, held) else {
      return false
    }
    return places.overlap(place)
  }

  /// Refuses, kind `corrupt`, to write to a block whose entry points onto a table or a bitmap, or whose own lies on another:
  /// entries or bits of other blocks would be lost.
  func requireApart(_ entry: BlockEntry, of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let places = try knownTablePlaces(held) else { return }
    let number = block / (layout.directory?.perTable ?? layout.bitmapGroup ?? 1)
    let (item, value): (BlockTableItem, UInt64)
    if places.overlapping.contains(number) {
      if let directory = layout.directory {
        item = .table(number)
        value = self.value(try directoryPlace(of: item, releasing: false, held), as: directory.coding, held)
      } else {
        item = .bitmap(number)
        value = self.value(try bitmapPlace(of: number, held), held)
      }
    } else if try isOnTable(entry, of: block, held) {
      item = .block(block)
      value = self.value(try place(of: block, releasing: false, held), held)
    } else {
      return
    }
    let what = layout.directory == nil ? "a sector bitmap" : "another table of the block map"
    throw BlockError(
      .corrupt, "\(item) (0x\(String(value, radix: 16))) points onto \(what)",
      advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
  }
}
