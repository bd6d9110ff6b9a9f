// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// One of the things that have a place in the file which an entry names.
package enum BlockTableItem: Sendable, Equatable, CustomStringConvertible {
  /// A block of the guest's disk.
  case block(UInt64)
  /// A table that the directory names.
  case table(UInt64)
  /// One that the second directory names.
  case secondTable(UInt64)
  /// The bitmap of a group of blocks.
  case bitmap(UInt64)

  /// Whether a directory names it.
  var isTable: Bool {
    switch self {
    case .table, .secondTable: true
    case .block, .bitmap: false
    }
  }

  /// Its number among its kind.
  package var number: UInt64 {
    switch self {
    case .block(let number), .table(let number), .secondTable(let number), .bitmap(let number): number
    }
  }

  /// Names the entry.
  package var description: String {
    switch self {
    case .block(let number): "block map entry \(number)"
    case .table(let number): "block map directory entry \(number)"
    case .secondTable(let number): "second block map directory entry \(number)"
    case .bitmap(let number): "sector bitmap entry \(number)"
    }
  }
}

/// The places of entries: in the table, or in one of the tables that the directory names.
extension BlockTable {
  /// The place of an entry, whose slice is in memory.
  struct Place {
    /// Nil where there is no table, and so a hole.
    let slice: TableCache.Slice?
    /// Bytes into the slice.
    let offset: Int
    /// Entries of blocks from here to the end of the slice, or to where there is a table.
    let remaining: UInt64
  }

  /// The place of a block's entry. With `releasing`, others may run while its slice is read.
  ///
  /// - Parameter mayPassHoles: whether entries that stand in a hole of the file may be passed over unread, as if there
  ///   were no table.
  func place(of block: UInt64, releasing: Bool, mayPassHoles: Bool = false, _ held: borrowing Held)
    throws(BlockError)
    -> Place
  {
    guard let directory = layout.directory else {
      let index = layout.entryIndex(of: .block(block))
      let left = layout.bitmapGroup.map { $0 - block % $0 } ?? .max
      if mayPassHoles, !cache.isDirty {
        let start = layout.tableOffset + index * UInt64(coding.width)
        let slice = start - (start - layout.tableOffset) % UInt64(cache.sliceBytes)
        if cache.cached(at: slice, held) == nil, let count = try holes(at: start, coding, held), count > 0 {
          return Place(slice: nil, offset: 0, remaining: layout.blocks(before: index + count) - block)
        }
      }
      return try place(ofEntry: index, of: layout.tableOffset, left, releasing, held)
    }
    let index = block % directory.perTable
    if mayPassHoles, !directories.isDirty,
      let count = try holesOfDirectory(at: block / directory.perTable, directory, held), count > 0
    {
      return Place(slice: nil, offset: 0, remaining: count * directory.perTable - index)
    }
    let found = try directoryPlace(of: .table(block / directory.perTable), releasing: releasing, held)
    let entry = try entry(of: .table(block / directory.perTable), at: found, held)
    guard let table = entry.place else {
      let count = sameInMemory(from: found, of: found.remaining, directory.coding, held)
      return Place(slice: nil, offset: 0, remaining: count * directory.perTable - index)
    }
    return try place(ofEntry: index, of: table, directory.perTable - index, releasing, held)
  }

  /// How many entries from an offset on stand in a hole of the file; nil where that spells something else than holes, or
  /// where the file cannot tell.
  private func holes(at offset: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held)
    throws(BlockError)
    -> UInt64?
  {
    guard coding.value(of: .hole) == 0 else { return nil }
    let file = try held.node.child(in: .file)
    let end = file.length
    guard offset < end, let found = try? file.extent(at: offset, length: end - offset), found.kind == .zero
    else { return nil }
    return found.length / UInt64(coding.width)
  }

  /// How many entries of the directory from that of a table on stand in a hole of the file; nil where they are in memory.
  private func holesOfDirectory(at table: UInt64, _ directory: BlockTableDirectory, _ held: borrowing Held)
    throws(BlockError) -> UInt64?
  {
    let start = layout.tableOffset + table * UInt64(directory.coding.width)
    let slice = start - (start - layout.tableOffset) % UInt64(directories.sliceBytes)
    guard directories.cached(at: slice, held) == nil, let count = try holes(at: start, directory.coding, held)
    else {
      return nil
    }
    return min(count, layout.capacity / directory.perTable - table)
  }

  /// How many entries of so many from a place on have the value that is there: at least 1.
  func sameInMemory(
    from place: Place, of count: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held
  ) -> UInt64 {
    guard let buffer = place.slice?.buffer, count > 1 else { return 1 }
    let value = value(place, as: coding, held)
    // Eight bytes at a time, as they stand there.
    let perWord = UInt64(8 / coding.width)
    var word = coding.isBigEndian ? value : value.byteSwapped
    if perWord == 2 {
      let half = coding.isBigEndian ? value : word >> 32
      word = half << 32 | half
    }
    var found: UInt64 = place.offset % 8 == 0 ? 0 : 1
    let first = (place.offset + Int(found) * coding.width) / 8
    let words = Int((count - found) / perWord)
    found += perWord * UInt64(buffer.bytes.run64(first..<first + words, first: word, step: 0, mask: .max))
    while found < count, self.value(place, plus: found, as: coding, held) == value { found += 1 }
    return found
  }

  /// The place of an entry of the table at an offset; `left` entries of blocks are there in a row.
  private func place(
    ofEntry index: UInt64, of table: UInt64, _ left: UInt64, _ releasing: Bool, _ held: borrowing Held
  ) throws(BlockError) -> Place {
    let found = try place(ofEntry: index, of: table, in: cache, coding.width, releasing, held)
    return Place(slice: found.slice, offset: found.offset, remaining: min(found.remaining, left))
  }

  private func place(
    ofEntry index: UInt64, of table: UInt64, in cache: TableCache, _ width: Int, _ releasing: Bool,
    _ held: borrowing Held
  ) throws(BlockError) -> Place {
    let perSlice = UInt64(cache.sliceBytes / width)
    let start = table + index / perSlice * UInt64(cache.sliceBytes)
    let slice = try slice(at: start, in: cache, releasing: releasing, held)
    let inside = index % perSlice
    return Place(slice: slice, offset: Int(inside) * width, remaining: perSlice - inside)
  }

  /// A slice of tables or bitmaps. With a directory, `start` must lie inside the file; throws `corrupt` otherwise.
  func slice(at start: UInt64, in cache: TableCache, releasing: Bool, _ held: borrowing Held)
    throws(BlockError)
    -> TableCache.Slice
  {
    if let slice = cache.cached(at: start, held) { return slice }
    let file = try held.node.child(in: .file)
    let mayBeShort = layout.directory == nil || cache === directories && layout.mayEndEarly
    guard mayBeShort || start < file.length else {
      throw BlockError(
        .corrupt, "a part of the block map (offset \(start)) lies past the end of the file",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
    if layout.directory != nil, cache === self.cache { file.note(.l2Load) }
    return try cache.slice(at: start, from: file, releasing: releasing, held) { () throws(BlockError) in
      try self.writeEntries(held)
    }
  }

  /// The place of the directory's entry of a table.
  func directoryPlace(of item: BlockTableItem, releasing: Bool, _ held: borrowing Held) throws(BlockError)
    -> Place
  {
    guard let directory = layout.directory else { throw BlockError(.notFound, "no directory of tables") }
    var start = layout.tableOffset
    if case .secondTable = item { start = directory.second ?? start }
    let found = try place(
      ofEntry: item.number, of: start, in: directories, directory.coding.width, releasing, held)
    let left = layout.capacity / directory.perTable - item.number
    return Place(slice: found.slice, offset: found.offset, remaining: min(found.remaining, left))
  }

  /// The value of an entry, `step` entries behind a place.
  func value(
    _ place: Place, plus step: UInt64 = 0, as coding: (any BlockEntryCoding)? = nil, _ held: borrowing Held
  ) -> UInt64 {
    let coding = coding ?? self.coding
    guard let buffer = place.slice?.buffer else { return coding.value(of: .hole) ?? 0 }
    return coding.value(buffer.bytes, at: place.offset + Int(step) * coding.width)
  }

  // MARK: Changes

  /// Changes the entry of a block in memory.
  func set(_ entry: BlockEntry, of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    try set(entry, of: .block(block), held)
  }

  /// Changes the entry of an item in memory. A block's table is made where there is none.
  func set(_ entry: BlockEntry, of item: BlockTableItem, _ held: borrowing Held) throws(BlockError) {
    let coding = item.isTable ? layout.directory?.coding ?? self.coding : self.coding
    guard let value = coding.value(of: entry) else {
      throw BlockError(.tooLarge, "\(item) cannot say where that is")
    }
    switch item {
    case .block(let block):
      if try place(of: block, releasing: false, held).slice == nil { try makeTable(of: block, held) }
      let place = try place(of: block, releasing: false, held)
      try noteTwin(of: block, place, held)
      store(value, at: place, in: cache, coding, held)
    case .bitmap(let group):
      let found = try bitmapPlace(of: group, held)
      notePlace(of: item, entry, insteadOf: self.value(found, held), held)
      store(value, at: found, in: cache, coding, held)
    case .table, .secondTable:
      let found = try directoryPlace(of: item, releasing: false, held)
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

  /// The place of the entry of a block of a table that stands alone, where it is in the slice of another's.
  func place(of block: UInt64, near other: Place, _ held: borrowing Held) -> Place? {
    guard layout.directory == nil, let slice = other.slice else { return nil }
    let start = layout.tableOffset + layout.entryIndex(of: .block(block)) * UInt64(coding.width)
    guard start >= slice.offset, start - slice.offset < UInt64(cache.sliceBytes) else { return nil }
    let offset = Int(start - slice.offset)
    let left = layout.bitmapGroup.map { $0 - block % $0 } ?? .max
    return Place(
      slice: slice, offset: offset,
      remaining: min(left, UInt64((cache.sliceBytes - offset) / coding.width)))
  }

  /// The place of the entry of a bitmap that stands apart.
  func bitmapPlace(of group: UInt64, _ held: borrowing Held) throws(BlockError) -> Place {
    let index = layout.entryIndex(of: .bitmap(group))
    guard index < layout.capacity else { throw BlockError(.corrupt, "the block map has no room for bitmaps") }
    return try place(ofEntry: index, of: layout.tableOffset, 1, false, held)
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

  /// Makes the table that has a block's entry, at the end of the file.
  func makeTable(of block: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let directory = layout.directory else { return }
    let number = block / directory.perTable
    var items = [BlockTableItem.table(number)]
    if directory.second != nil { items.append(.secondTable(number)) }
    for item in items.reversed() {
      let units = try takeUnits(for: item, held)
      try set(.data(layout.offset(ofUnit: units.lowerBound)), of: item, held)
    }
  }

  /// Takes units at the end of the file for something other than a block; they read as zeros.
  func takeUnits(for item: BlockTableItem, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    try takeUnits(bytes(of: item, held), held)
  }

  func takeUnits(_ bytes: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    // Where blocks have to be aligned, what stands between them is.
    let units = try takeUnits(bytes, likeBlock: layout.lead == 0, limit: layout.unitLimit, held)
    do throws(BlockError) {
      try makeBlank(units, isWhole: false, held)
    } catch {
      giveBack(units, held)
      throw error
    }
    return units
  }

  // MARK: All entries

  /// Whether entries are nothing but holes, without a look at each.
  func areHoles(_ entries: RawSpan, _ coding: any BlockEntryCoding) -> Bool {
    coding.value(of: .hole) == 0 && entries.isZero
  }

  /// Calls `body` with the value of each entry, as it stands in the file: those of directories, and then those of the
  /// blocks that the guest's disk has or is about to have and of their bitmaps. Tables that cannot be are passed over,
  /// and holes may be.
  func scan(_ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    let blocks = max(layout.blockCount, madeBlocks)
    guard let directory = layout.directory else { return try scanTable(blocks, held, body) }
    try scanDirectory(held, body)
    let end = try held.node.child(in: .file).length
    try scan(layout.tableOffset, blocks.dividedUp(by: directory.perTable), directory.coding, held) {
      (number, value) throws(BlockError) in
      guard let table = self.checked(value, of: .table(number), held)?.place, table < end else { return }
      let first = number * directory.perTable
      try self.scan(table, min(directory.perTable, blocks - first), self.coding, held) {
        (index, value) throws(BlockError) in try body(.block(first + index), value)
      }
    }
  }

  /// The entries of directories.
  func scanDirectory(_ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    guard let directory = layout.directory else { return }
    let tables = layout.capacity / directory.perTable
    for second in [false, true] where !second || directory.second != nil {
      let start = second ? directory.second ?? 0 : layout.tableOffset
      try scan(start, tables, directory.coding, held) { (number, value) throws(BlockError) in
        try body(second ? .secondTable(number) : .table(number), value)
      }
    }
  }

  /// The entries of a table that stands alone.
  private func scanTable(
    _ blocks: UInt64, _ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let every = layout.bitmapGroup else {
      return try scan(layout.tableOffset, blocks, coding, held) { (index, value) throws(BlockError) in
        try body(.block(index), value)
      }
    }
    let count = min(layout.capacity, blocks.dividedUp(by: every) * (every + 1))
    try scan(layout.tableOffset, count, coding, held) { (index, value) throws(BlockError) in
      let block = index - index / (every + 1)
      if index % (every + 1) == every {
        try body(.bitmap(index / (every + 1)), value)
      } else if block < blocks {
        try body(.block(block), value)
      }
    }
  }

  private func scan(
    _ start: UInt64, _ count: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held,
    _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let file = try held.node.child(in: .file)
    let width = UInt64(coding.width)
    let buffer = Buffer(count: Int(min(1 << 20, max(1, count) * width)))
    let perRun = UInt64(buffer.count) / width
    var index: UInt64 = 0
    while index < count {
      if let holes = try holes(at: start + index * width, coding, held), holes > 0 {
        index += min(holes, count - index)
        continue
      }
      let run = min(perRun, count - index)
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<Int(run * width))
      try file.read(at: start + index * width, into: &part)
      if areHoles(buffer.bytes.slice(0..<Int(run * width)), coding) {
        index += run
        continue
      }
      for step in 0..<run {
        try body(index + step, coding.value(buffer.bytes, at: Int(step * width)))
      }
      index += run
    }
  }
}
