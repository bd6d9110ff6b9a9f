// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A change of the directory of tables, and of a second one where the format has it: more room, more tables, fewer.
struct DirectoryChange: BlockTableWork {
  let table: BlockTable

  /// Gives the directories room for `tables` tables: at the end of the file, where they have no more where they are.
  /// `header` makes it so in the file with one write.
  func move(
    toHold tables: UInt64, _ held: borrowing Held, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let directory = layout.directory, tables > layout.capacity / directory.perTable else { return }
    try space.writeOut(held)
    let width = UInt64(directory.coding.width)
    let bytes = layout.capacity / directory.perTable * width
    var old: [Range<UInt64>] = []
    var places: [Range<UInt64>] = []
    do throws(BlockError) {
      for start in [directory.second, layout.tableOffset] {
        guard let start else { continue }
        places.append(try space.reserve(tables * width, held))
        try table.copy(from: start, to: places[places.count - 1].lowerBound, bytes, ontoZeros: true, held)
        old.append(start..<start + bytes)
      }
    } catch {
      space.giveBack(reserved: places, held)
      throw error
    }
    try useDirectories(at: places, insteadOf: old, held, header)
  }

  /// Goes on with directories elsewhere, the second one first, as soon as the header says so.
  private func useDirectories(
    at places: [Range<UInt64>], insteadOf old: [Range<UInt64>], _ held: borrowing Held,
    _ header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let first = places.last, let directory = layout.directory else { return }
    try held.node.child(in: .file).flush()
    var next = layout
    next.tableOffset = first.lowerBound
    if directory.second != nil { next.directory?.second = places[0].lowerBound }
    next.capacity = UInt64(first.count) / UInt64(directory.coding.width) * directory.perTable
    next.reserved.removeAll { old.contains($0) }
    // What was left alone behind a directory is so no more.
    next.spare.removeAll { range in old.contains { $0.upperBound == range.lowerBound } }
    try header(next)
    table.use(next, entries.coding, held)
    try space.letGo(old, held)
    // Where that is not possible, what was given up is lost until a repair.
    try? space.offerUnused(held)
  }

  /// Moves the directories of a disk that became shorter to the first units that nothing takes, spare ones among them, where
  /// they stand behind these: what is reserved keeps the file from becoming shorter. `header` as above.
  func pack(_ held: borrowing Held, header: (BlockTableLayout) throws(BlockError) -> Void) throws(BlockError)
  {
    guard let directory = layout.directory else { return }
    try space.writeOut(held)
    let width = UInt64(directory.coding.width)
    let starts = [directory.second, layout.tableOffset].compactMap { $0 }
    let bytes = layout.blockCount.dividedUp(by: directory.perTable) * width
    let count = bytes.dividedUp(by: layout.unit)
    guard count > 0, let first = starts.min() else { return }
    var found: [Range<UInt64>] = []
    var window = UnitWindow(of: layout.units(of: 0..<first).upperBound)
    while found.count < starts.count, window.advance() {
      for range in layout.reserved { _ = window.insert(layout.units(of: range)) }
      try entries.scan(held) { (item, value) throws(BlockError) in
        if let units = try entries.units(of: item, value: value, held) { _ = window.insert(units) }
      }
      window.forEachAbsentRun { run in
        var unit = run.lowerBound
        while found.count < starts.count, run.upperBound - unit >= count {
          found.append(unit..<unit + count)
          unit += count
        }
        return found.count < starts.count
      }
    }
    guard found.count == starts.count else { return }
    let places = found.map { layout.offset(ofUnit: $0.lowerBound)..<layout.offset(ofUnit: $0.upperBound) }
    let room = layout.capacity / directory.perTable * width
    let file = try held.node.child(in: .file)
    for (start, place) in zip(starts, places) {
      try file.writeZeroes(at: place.lowerBound, length: UInt64(place.count), mayUnmap: false)
      try table.copy(from: start, to: place.lowerBound, bytes, ontoZeros: true, held)
    }
    entries.reserve(places, held)
    try useDirectories(at: places, insteadOf: starts.map { $0..<$0 + room }, held, header)
  }

  /// Makes the tables of the first `blocks` blocks that are not there, in one piece at the end of the file: for formats whose
  /// other programs write only to tables that there are. The directories have room for them.
  func makeTables(ofFirst blocks: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard let directory = layout.directory else { return }
    let tables = min(blocks.dividedUp(by: directory.perTable), layout.capacity / directory.perTable)
    var count: UInt64 = 0
    try forEachMissing(tables, held) { _ in count += 1 }
    guard count > 0 else { return }
    let step = entries.bytes(of: .table(0), held).dividedUp(by: layout.unit)
    var unit = try space.takeUnits(count * step * layout.unit, held).lowerBound
    // What is copied has to be in the file.
    try space.writeOut(held)
    try forEachMissing(tables, held) { (item) throws(BlockError) in
      try copyTwin(of: item, to: layout.offset(ofUnit: unit), held)
      try table.set(.data(layout.offset(ofUnit: unit)), of: item, held)
      unit += step
    }
    try space.writeOut(held)
  }

  /// Calls `body` with each of the first `count` tables that is not there, the second directory's first.
  private func forEachMissing(
    _ count: UInt64, _ held: borrowing Held, _ body: (BlockTableItem) throws(BlockError) -> Void
  ) throws(BlockError) {
    for isSecond in layout.directory?.second == nil ? [false] : [true, false] {
      for number in 0..<count {
        let item = isSecond ? BlockTableItem.secondTable(number) : .table(number)
        let place = try entries.directoryPlace(of: item, releasing: false, held)
        if try entries.entry(of: item, at: place, held).place == nil { try body(item) }
      }
    }
  }

  /// Lets a new table have what the other one says that stands for it, where there is one.
  private func copyTwin(of item: BlockTableItem, to offset: UInt64, _ held: borrowing Held) throws(BlockError)
  {
    guard layout.directory?.second != nil else { return }
    let other: BlockTableItem = item == .table(item.number) ? .secondTable(item.number) : .table(item.number)
    let found = try entries.directoryPlace(of: other, releasing: false, held)
    guard let place = try entries.entry(of: other, at: found, held).place else { return }
    let file = try held.node.child(in: .file)
    let content = try file.read(at: place, count: Int(entries.bytes(of: item, held)))
    if !content.bytes.isZero { try file.write(at: offset, from: content.bytes) }
  }

  /// Lets the directories have no tables but those that the disk's length needs, once it is shorter.
  func cut(_ held: borrowing Held) throws(BlockError) {
    guard let directory = layout.directory else { return }
    let tables = layout.blockCount.dividedUp(by: directory.perTable)
    let hole = directory.coding.value(of: .hole)
    var surplus: [BlockTableItem] = []
    repeat {
      surplus = []
      try entries.scanDirectory(held) { (item, value) throws(BlockError) in
        if item.number >= tables, value != hole, surplus.count < BlockTable.rememberedPlaces {
          surplus.append(item)
        }
      }
      for item in surplus { try table.set(.hole, of: item, held) }
      try space.writeOut(held)
    } while !surplus.isEmpty
    _ = try Compaction(table: table).run(held)
  }
}
