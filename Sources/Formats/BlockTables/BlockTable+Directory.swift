// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// The directory of tables, and a second one where the format has it: more room, more tables, fewer.
extension BlockTable {
  /// The places of all tables, or of all bitmaps that stand apart, as far as they are in the file; nil where there are
  /// neither. Others may run while they are looked for.
  func knownTablePlaces(_ node: Node) throws(BlockError) -> TablePlaces? {
    let every = layout.bitmap == nil ? nil : layout.bitmapGroup
    guard tablePlaces == nil, layout.directory != nil || every != nil else { return tablePlaces }
    let end = try node.child(in: .file).length
    var tables: [(number: UInt64, place: Range<UInt64>)] = []
    func note(_ item: BlockTableItem, _ value: UInt64) {
      guard let entry = checked(value, of: item), let place = place(of: item, entry), place.lowerBound < end
      else { return }
      tables.append((item.number, place))
    }
    if layout.directory != nil {
      if directories.isDirty { try writeEntries(node) }
      try scanDirectory(node) { (item, value) throws(BlockError) in note(item, value) }
    } else if let every {
      for group in 0..<layout.blockCount.dividedUp(by: every)
      where entryIndex(of: .bitmap(group)) < layout.capacity {
        note(.bitmap(group), value(try bitmapPlace(of: group, node)))
      }
    }
    tablePlaces = TablePlaces(tables)
    return tablePlaces
  }

  /// Whether an entry of a block points onto a table, or a bitmap that stands apart.
  func isOnTable(_ entry: BlockEntry, of block: UInt64, _ node: Node) throws(BlockError) -> Bool {
    guard let places = try knownTablePlaces(node), let place = place(of: .block(block), entry) else {
      return false
    }
    return places.overlap(place)
  }

  /// Refuses, kind `corrupt`, to write to a block whose entry points onto a table or a bitmap, or whose own lies on another:
  /// entries or bits of other blocks would be lost.
  func requireApart(_ entry: BlockEntry, of block: UInt64, _ node: Node) throws(BlockError) {
    guard let places = try knownTablePlaces(node) else { return }
    let number = block / (layout.directory?.perTable ?? layout.bitmapGroup ?? 1)
    let (item, value): (BlockTableItem, UInt64)
    if places.overlapping.contains(number) {
      if let directory = layout.directory {
        item = .table(number)
        value = self.value(try directoryPlace(of: item, releasing: false, node), directory.coding)
      } else {
        item = .bitmap(number)
        value = self.value(try bitmapPlace(of: number, node))
      }
    } else if try isOnTable(entry, of: block, node) {
      item = .block(block)
      value = self.value(try place(of: block, releasing: false, node))
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
    lock.lock()
    defer { lock.unlock() }
    return try reserveUnits(count, node).lowerBound
  }

  private func reserveUnits(_ count: UInt64, _ node: Node) throws(BlockError) -> Range<UInt64> {
    var free = try knownFreeUnits(node)
    let units = free.end..<free.end + count.dividedUp(by: layout.unit)
    free.end = units.upperBound
    freeUnits = free
    try makeBlank(units, isWhole: false, node)
    let place = layout.offset(ofUnit: units.lowerBound)..<layout.offset(ofUnit: units.upperBound)
    layout.reserved.append(place)
    return place
  }

  /// Gives the directories room for `tables` tables: at the end of the file, where they have no more where they are.
  /// `header` makes it so in the file with one write.
  package func moveDirectory(
    toHold tables: UInt64, of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let directory = layout.directory, tables > layout.capacity / directory.perTable else { return }
    try writeOut(node)
    let width = UInt64(directory.coding.width)
    let bytes = layout.capacity / directory.perTable * width
    var old: [Range<UInt64>] = []
    var places: [Range<UInt64>] = []
    for start in [directory.second, layout.tableOffset] {
      guard let start else { continue }
      let place = try reserveUnits(tables * width, node)
      try copy(from: start, to: place.lowerBound, bytes, node)
      old.append(start..<start + bytes)
      places.append(place)
    }
    try useDirectories(at: places, insteadOf: old, node, header)
  }

  /// Goes on with directories elsewhere, the second one first, as soon as the header says so.
  private func useDirectories(
    at places: [Range<UInt64>], insteadOf old: [Range<UInt64>], _ node: Node,
    _ header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let first = places.last, let directory = layout.directory else { return }
    try node.child(in: .file).flush()
    var next = layout
    next.tableOffset = first.lowerBound
    if directory.second != nil { next.directory?.second = places[0].lowerBound }
    next.capacity = UInt64(first.count) / UInt64(directory.coding.width) * directory.perTable
    next.reserved.removeAll { old.contains($0) }
    try header(next)
    use(next, coding)
    try letGo(old, node)
  }

  /// Moves the directories of a disk that became shorter to the first units that nothing takes, spare ones among them, where
  /// they stand behind these: what is reserved keeps the file from becoming shorter. `header` as above.
  package func packDirectory(
    of node: Node, header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let directory = layout.directory else { return }
    try writeOut(node)
    let width = UInt64(directory.coding.width)
    let starts = [directory.second, layout.tableOffset].compactMap { $0 }
    let bytes = layout.blockCount.dividedUp(by: directory.perTable) * width
    let count = bytes.dividedUp(by: layout.unit)
    guard count > 0, let first = starts.min() else { return }
    var found: [Range<UInt64>] = []
    var window = UnitWindow(of: layout.units(of: 0..<first).upperBound)
    while found.count < starts.count, window.advance() {
      for range in layout.reserved { _ = window.insert(layout.units(of: range)) }
      try scan(node) { (item, value) throws(BlockError) in
        if let units = try self.units(of: item, value: value) { _ = window.insert(units) }
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
    let file = try node.child(in: .file)
    for (start, place) in zip(starts, places) {
      try file.writeZeroes(at: place.lowerBound, length: UInt64(place.count), mayUnmap: false)
      try copy(from: start, to: place.lowerBound, bytes, node)
    }
    layout.reserved += places
    try useDirectories(at: places, insteadOf: starts.map { $0..<$0 + room }, node, header)
  }

  /// Makes the tables of the first `blocks` blocks that are not there, in one piece at the end of the file: for formats whose
  /// other programs write only to tables that there are. The directories have room for them.
  package func makeTables(ofFirst blocks: UInt64, of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let directory = layout.directory else { return }
    let tables = min(blocks.dividedUp(by: directory.perTable), layout.capacity / directory.perTable)
    func forEachMissing(_ body: (BlockTableItem) throws(BlockError) -> Void) throws(BlockError) {
      for isSecond in directory.second == nil ? [false] : [true, false] {
        for number in 0..<tables {
          let item = isSecond ? BlockTableItem.secondTable(number) : .table(number)
          let value = value(try directoryPlace(of: item, releasing: false, node), directory.coding)
          if try entry(value, of: item).place == nil { try body(item) }
        }
      }
    }
    var count: UInt64 = 0
    try forEachMissing { _ in count += 1 }
    guard count > 0 else { return }
    let step = bytes(of: .table(0)).dividedUp(by: layout.unit)
    var unit = try takeUnits(count * step * layout.unit, node).lowerBound
    // What is copied has to be in the file.
    try writeOut(node)
    try forEachMissing { (item) throws(BlockError) in
      try copyTwin(of: item, to: layout.offset(ofUnit: unit), node)
      try set(.data(layout.offset(ofUnit: unit)), of: item, node)
      unit += step
    }
    try writeOut(node)
  }

  /// Lets a new table have what the other one says that stands for it, where there is one.
  private func copyTwin(of item: BlockTableItem, to offset: UInt64, _ node: Node) throws(BlockError) {
    guard let directory = layout.directory, directory.second != nil else { return }
    let other: BlockTableItem = item == .table(item.number) ? .secondTable(item.number) : .table(item.number)
    let value = value(try directoryPlace(of: other, releasing: false, node), directory.coding)
    guard let place = try entry(value, of: other).place else { return }
    let file = try node.child(in: .file)
    let table = try file.read(at: place, count: Int(bytes(of: item)))
    if !table.bytes.isZero { try file.write(at: offset, from: table.bytes) }
  }

  /// Lets the directories have no tables but those that the disk's length needs, once it is shorter.
  package func cutDirectory(of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let directory = layout.directory else { return }
    let tables = layout.blockCount.dividedUp(by: directory.perTable)
    let hole = directory.coding.value(of: .hole)
    var surplus: [BlockTableItem] = []
    repeat {
      surplus = []
      try scanDirectory(node) { (item, value) throws(BlockError) in
        if item.number >= tables, value != hole, surplus.count < BlockTable.rememberedPlaces {
          surplus.append(item)
        }
      }
      for item in surplus { try set(.hole, of: item, node) }
      try writeOut(node)
    } while !surplus.isEmpty
    _ = try compact(node)
  }
}
