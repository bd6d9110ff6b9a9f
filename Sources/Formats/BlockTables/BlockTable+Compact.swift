// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// Giving places that nothing points to back to the file system.
extension BlockTable {
  /// Tables and bitmaps that are moved at a time.
  private static let movedAtOnce = 1 << 16

  /// Moves the last things in the file into places that nothing points to, and cuts the file behind them: for formats that
  /// give up something else that they had reserved.
  package func compact(of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      _ = try compact(held)
    }
  }

  /// Moves the last things in the file into places that nothing points to, and cuts the file behind them; for how many
  /// blocks it gave back places.
  func compact(_ held: borrowing Held, _ context: JobContext? = nil) throws(BlockError) -> UInt64 {
    try writeOut(held)
    let file = try held.node.child(in: .file)
    let before = layout.unitsInFile(areaEnd(file, held))
    let leaks = try leakedPlaces(held)
    space.begin(at: max(before, try endOfUse(held)))
    if leaks.all > 0 {
      try packBlocks(held, context)
      try packTables(held, context)
    }
    let end = try endOfUse(held)
    try writeOut(held)
    forget(held)
    try cutFile(to: layout.offset(ofUnit: end), held)
    space.begin(at: end)
    return leaks.stored - min(leaks.stored, try leakedPlaces(held).stored)
  }

  /// Moves the last blocks into the first places that nothing takes, as long as these are before them.
  private func packBlocks(_ held: borrowing Held, _ context: JobContext?) throws(BlockError) {
    while true {
      try context?.checkInterrupted()
      let places = try unusedPlaces(before: try endOfUse(held), held)
      guard let first = places.first else { return }
      var last: [(start: UInt64, item: BlockTableItem, entry: BlockEntry)] = []
      func keepLast() {
        last.sort { $0.start > $1.start }
        last.removeLast(max(0, last.count - places.count))
      }
      try scan(held) { (item, value) throws(BlockError) in
        let entry = try self.entry(value, of: item, held)
        guard case .block = item, let units = self.units(of: item, entry, held), units.lowerBound > first
        else {
          return
        }
        last.append((units.lowerBound, item, entry))
        if last.count > 2 * BlockTable.rememberedPlaces { keepLast() }
      }
      keepLast()
      guard try pack(last, into: places, held) else { return }
      try writeOut(held)
    }
  }

  /// Moves blocks, the last one first, into places, as long as these are before them: one into each, or as many compressed
  /// ones as fit; whether any was moved.
  private func pack(
    _ blocks: [(start: UInt64, item: BlockTableItem, entry: BlockEntry)], into places: [UInt64],
    _ held: borrowing Held
  ) throws(BlockError) -> Bool {
    var next = places.startIndex
    // What is left of a place.
    var room: Range<UInt64> = 0..<0
    for (start, item, entry) in blocks {
      if case .compressed(_, let length) = entry, length <= UInt64(room.count),
        room.lowerBound < layout.offset(ofUnit: start)
      {
        try move(item, entry, to: room.lowerBound, held)
        room = room.lowerBound + length..<room.upperBound
        continue
      }
      guard next < places.endIndex, places[next] < start else { break }
      let place = layout.offset(ofUnit: places[next])
      try move(item, entry, to: place, held)
      if case .compressed(_, let length) = entry {
        room = place + min(length, layout.stride)..<place + layout.stride
      }
      next += 1
    }
    return next > places.startIndex
  }

  /// Tables and bitmaps find no room where a block was: those behind the first free unit go to the end of the file, the
  /// blocks between them move together, and then they follow these.
  private func packTables(_ held: borrowing Held, _ context: JobContext?) throws(BlockError) {
    guard layout.directory != nil || layout.bitmapGroup != nil,
      let first = try unusedPlaces(before: try endOfUse(held), held).first
    else { return }
    var moving: [(item: BlockTableItem, entry: BlockEntry)] = []
    try scan(held) { (item, value) throws(BlockError) in
      if case .block = item { return }
      let entry = try self.entry(value, of: item, held)
      guard let units = self.units(of: item, entry, held), units.lowerBound > first else { return }
      moving.append((item, entry))
      guard moving.count <= BlockTable.movedAtOnce else {
        throw BlockError(.tooLarge, "too many tables to move for a repair of leaks")
      }
    }
    let apart = try knownEnd(held)
    for index in moving.indices {
      try context?.checkInterrupted()
      let place = layout.offset(ofUnit: try takeUnits(for: moving[index].item, held).lowerBound)
      try move(moving[index].item, moving[index].entry, to: place, held)
      moving[index].entry = .data(place)
    }
    try writeOut(held)
    forget(held)
    try packBlocks(held, context)
    var unit = layout.endOfReserved
    try scan(held) { (item, value) throws(BlockError) in
      guard let units = try self.units(of: item, value: value, held), units.lowerBound < apart else { return }
      unit = max(unit, units.upperBound)
    }
    for (item, entry) in moving {
      guard let units = units(of: item, entry, held), unit + UInt64(units.count) <= apart else { break }
      try move(item, entry, to: layout.offset(ofUnit: unit), held)
      unit += UInt64(units.count)
    }
    try writeOut(held)
    forget(held)
  }
}
