// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// The directory of tables, and a second one where the format has it: more room, more tables, fewer.
extension BlockTable {
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

  /// Takes bytes at the end of the file for something that is no block and has its place in `reserved` from here on; they
  /// read as zeros.
  package func reserve(_ count: UInt64, of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try reserveUnits(count, held).lowerBound
    }
  }

  private func reserveUnits(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    let units = try takeUnits(count, likeBlock: false, limit: .max, held)
    try makeBlank(units, isWhole: false, held)
    let place = layout.offset(ofUnit: units.lowerBound)..<layout.offset(ofUnit: units.upperBound)
    layout.reserved.append(place)
    return place
  }

  /// Gives the directories room for `tables` tables: at the end of the file, where they have no more where they are.
  /// `header` makes it so in the file with one write.
  package func moveDirectory(
    toHold tables: UInt64, of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let directory = layout.directory, tables > layout.capacity / directory.perTable else { return }
      try writeOut(held)
      let width = UInt64(directory.coding.width)
      let bytes = layout.capacity / directory.perTable * width
      var old: [Range<UInt64>] = []
      var places: [Range<UInt64>] = []
      for start in [directory.second, layout.tableOffset] {
        guard let start else { continue }
        let place = try reserveUnits(tables * width, held)
        try copy(from: start, to: place.lowerBound, bytes, held)
        old.append(start..<start + bytes)
        places.append(place)
      }
      try useDirectories(at: places, insteadOf: old, held, header)
    }
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
    try header(next)
    use(next, coding, held)
    try letGo(old, held)
  }

  /// Moves the directories of a disk that became shorter to the first units that nothing takes, spare ones among them, where
  /// they stand behind these: what is reserved keeps the file from becoming shorter. `header` as above.
  package func packDirectory(
    of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let directory = layout.directory else { return }
      try writeOut(held)
      let width = UInt64(directory.coding.width)
      let starts = [directory.second, layout.tableOffset].compactMap { $0 }
      let bytes = layout.blockCount.dividedUp(by: directory.perTable) * width
      let count = bytes.dividedUp(by: layout.unit)
      guard count > 0, let first = starts.min() else { return }
      var found: [Range<UInt64>] = []
      var window = UnitWindow(of: layout.units(of: 0..<first).upperBound)
      while found.count < starts.count, window.advance() {
        for range in layout.reserved { _ = window.insert(layout.units(of: range)) }
        try scan(held) { (item, value) throws(BlockError) in
          if let units = try self.units(of: item, value: value, held) { _ = window.insert(units) }
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
        try copy(from: start, to: place.lowerBound, bytes, held)
      }
      layout.reserved += places
      try useDirectories(at: places, insteadOf: starts.map { $0..<$0 + room }, held, header)
    }
  }

  /// Makes the tables of the first `blocks` blocks that are not there, in one piece at the end of the file: for formats whose
  /// other programs write only to tables that there are. The directories have room for them.
  package func makeTables(ofFirst blocks: UInt64, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let directory = layout.directory else { return }
      let tables = min(blocks.dividedUp(by: directory.perTable), layout.capacity / directory.perTable)
      var count: UInt64 = 0
      try forEachMissing(tables, held) { _ in count += 1 }
      guard count > 0 else { return }
      let step = bytes(of: .table(0), held).dividedUp(by: layout.unit)
      var unit = try takeUnits(count * step * layout.unit, held).lowerBound
      // What is copied has to be in the file.
      try writeOut(held)
      try forEachMissing(tables, held) { (item) throws(BlockError) in
        try copyTwin(of: item, to: layout.offset(ofUnit: unit), held)
        try set(.data(layout.offset(ofUnit: unit)), of: item, held)
        unit += step
      }
      try writeOut(held)
    }
  }

  /// Calls `body` with each of the first `count` tables that is not there, the second directory's first.
  private func forEachMissing(
    _ count: UInt64, _ held: borrowing Held, _ body: (BlockTableItem) throws(BlockError) -> Void
  ) throws(BlockError) {
    for isSecond in layout.directory?.second == nil ? [false] : [true, false] {
      for number in 0..<count {
        let item = isSecond ? BlockTableItem.secondTable(number) : .table(number)
        let place = try directoryPlace(of: item, releasing: false, held)
        if try entry(of: item, at: place, held).place == nil { try body(item) }
      }
    }
  }

  /// Lets a new table have what the other one says that stands for it, where there is one.
  private func copyTwin(of item: BlockTableItem, to offset: UInt64, _ held: borrowing Held) throws(BlockError)
  {
    guard layout.directory?.second != nil else { return }
    let other: BlockTableItem = item == .table(item.number) ? .secondTable(item.number) : .table(item.number)
    let found = try directoryPlace(of: other, releasing: false, held)
    guard let place = try entry(of: other, at: found, held).place else { return }
    let file = try held.node.child(in: .file)
    let table = try file.read(at: place, count: Int(bytes(of: item, held)))
    if !table.bytes.isZero { try file.write(at: offset, from: table.bytes) }
  }

  /// Lets the directories have no tables but those that the disk's length needs, once it is shorter.
  package func cutDirectory(of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let directory = layout.directory else { return }
      let tables = layout.blockCount.dividedUp(by: directory.perTable)
      let hole = directory.coding.value(of: .hole)
      var surplus: [BlockTableItem] = []
      repeat {
        surplus = []
        try scanDirectory(held) { (item, value) throws(BlockError) in
          if item.number >= tables, value != hole, surplus.count < BlockTable.rememberedPlaces {
            surplus.append(item)
          }
        }
        for item in surplus { try set(.hole, of: item, held) }
        try writeOut(held)
      } while !surplus.isEmpty
      _ = try compact(held)
    }
  }
}
