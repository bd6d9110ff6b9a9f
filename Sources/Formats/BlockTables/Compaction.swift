// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Giving places that nothing points to back to the file system.
struct Compaction: BlockTableWork {
  /// Tables and bitmaps that are moved at a time.
  private static let movedAtOnce = 1 << 16

  let table: BlockTable

  /// Moves the last things in the file into places that nothing points to, and cuts the file behind them; for how many
  /// blocks it gave back places.
  func run(_ held: borrowing Held, _ context: JobContext? = nil) throws(BlockError) -> UInt64 {
    try space.writeOut(held)
    let file = try held.node.child(in: .file)
    let before = layout.unitsInFile(space.areaEnd(file, held))
    let leaks = try BlockTableCheck(table: table).leakedPlaces(held)
    space.begin(at: max(before, try space.endOfUse(held)), held)
    if leaks.all > 0 {
      try packBlocks(held, context)
      try packTables(held, context)
    }
    let end = try space.endOfUse(held)
    try space.writeOut(held)
    entries.forget(held)
    try space.cutFile(to: layout.offset(ofUnit: end), held)
    space.begin(at: end, held)
    return leaks.stored - min(leaks.stored, try BlockTableCheck(table: table).leakedPlaces(held).stored)
  }

  /// Moves the last blocks into the first places that nothing takes, as long as these are before them.
  private func packBlocks(_ held: borrowing Held, _ context: JobContext?) throws(BlockError) {
    while true {
      try context?.checkInterrupted()
      let places = try space.unusedPlaces(before: try space.endOfUse(held), held)
      guard let first = places.first else { return }
      var last: [(start: UInt64, item: BlockTableItem, entry: BlockEntry)] = []
      func keepLast() {
        last.sort { $0.start > $1.start }
        last.removeLast(max(0, last.count - places.count))
      }
      try entries.scan(held) { (item, value) throws(BlockError) in
        let entry = try entries.entry(value, of: item, held)
        guard case .block = item, let units = entries.units(of: item, entry, held), units.lowerBound > first
        else {
          return
        }
        last.append((units.lowerBound, item, entry))
        if last.count > 2 * BlockTable.rememberedPlaces { keepLast() }
      }
      keepLast()
      guard try pack(last, into: places, held) else { return }
      try space.writeOut(held)
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
        try table.move(item, entry, to: room.lowerBound, held)
        room = room.lowerBound + length..<room.upperBound
        continue
      }
      guard next < places.endIndex, places[next] < start else { break }
      let place = layout.offset(ofUnit: places[next])
      try table.move(item, entry, to: place, held)
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
      let first = try space.unusedPlaces(before: try space.endOfUse(held), held).first
    else { return }
    var moving: [(item: BlockTableItem, entry: BlockEntry)] = []
    try entries.scan(held) { (item, value) throws(BlockError) in
      if case .block = item { return }
      let entry = try entries.entry(value, of: item, held)
      guard let units = entries.units(of: item, entry, held), units.lowerBound > first else { return }
      moving.append((item, entry))
      guard moving.count <= Compaction.movedAtOnce else {
        throw BlockError(.tooLarge, "too many tables to move for a repair of leaks")
      }
    }
    let apart = try space.knownEnd(held)
    for index in moving.indices {
      try context?.checkInterrupted()
      let place = layout.offset(ofUnit: try space.takeUnits(for: moving[index].item, held).lowerBound)
      try table.move(moving[index].item, moving[index].entry, to: place, held)
      moving[index].entry = .data(place)
    }
    try space.writeOut(held)
    entries.forget(held)
    try packBlocks(held, context)
    var unit = layout.endOfReserved
    try entries.scan(held) { (item, value) throws(BlockError) in
      guard let units = try entries.units(of: item, value: value, held), units.lowerBound < apart else {
        return
      }
      unit = max(unit, units.upperBound)
    }
    for (item, entry) in moving {
      guard let units = entries.units(of: item, entry, held), unit + UInt64(units.count) <= apart else {
        break
      }
      try table.move(item, entry, to: layout.offset(ofUnit: unit), held)
      unit += UInt64(units.count)
    }
    try space.writeOut(held)
    entries.forget(held)
  }
}
