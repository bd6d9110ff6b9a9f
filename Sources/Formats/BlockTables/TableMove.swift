// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The move of a table that stands alone to another place in the file.
struct TableMove: BlockTableWork {
  let table: BlockTable

  /// Moves a table that stands alone into the first `count` units, after what they held has got other places.
  ///
  /// `next` says where the table and the blocks are afterwards, `coding` how its entries are spelled there, and
  /// `header` makes it so in the file with one write.
  func move(
    toFirst count: UInt64, _ next: BlockTableLayout, _ coding: any BlockEntryCoding, _ held: borrowing Held,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    precondition(layout.directory == nil, "tables of a directory do not move as one")
    try space.writeOut(held)
    space.begin(at: max(try space.knownEnd(held), count), held)
    let limit = layout.unitLimit
    entries.limitUnits(to: .max >> 1, held)
    defer { entries.limitUnits(to: min(layout.unitLimit, max(limit, next.unitLimit)), held) }
    var moving: [(item: BlockTableItem, entry: BlockEntry)] = []
    try entries.scan(held) { (item, value) throws(BlockError) in
      let entry = try entries.entry(value, of: item, held)
      guard let units = entries.units(of: item, entry, held), units.lowerBound < count else { return }
      guard UInt64(moving.count) < count else {
        throw BlockError(
          .corrupt, "blocks share their places", advice: "'check -r all' gives each its own.")
      }
      moving.append((item, entry))
    }
    do throws(BlockError) {
      for (item, entry) in moving { try table.move(item, entry, held) }
      try space.writeOut(held)
      let end = layout.offset(ofUnit: count)
      if table.fileEnd.hasTrailer, space.areaEnd(try held.node.child(in: .file), held) < end {
        try table.fileEnd.placeTrailer(at: end, held)
      }
      try writeTable(next, coding, held)
    } catch {
      // What has moved comes back, where that is possible: there is an error to report already.
      space.begin(at: nil, held)
      _ = try? Compaction(table: table).run(held)
      throw error
    }
    try entries.journal?.settle(held.node)
    let old = layout.tableOffset..<layout.tableOffset + layout.capacity * UInt64(entries.coding.width)
    try header(next)
    table.use(next, coding, held)
    try space.letGo([old], held)
  }

  /// Writes the whole table to another place; entries behind the last block are holes.
  private func writeTable(_ next: BlockTableLayout, _ spelling: any BlockEntryCoding, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try held.node.child(in: .file)
    let width = spelling.width
    let buffer = Buffer(count: 1 << 20)
    let perRun = UInt64(buffer.count / width)
    guard let hole = spelling.value(of: .hole) else {
      throw BlockError(.unsupported, "the block map has no holes")
    }
    var filled = 0
    var written: UInt64 = 0
    func add(_ value: UInt64) throws(BlockError) {
      var bytes = buffer.mutableBytes
      spelling.store(value, in: &bytes, at: filled * width)
      filled += 1
      if UInt64(filled) == perRun { try write() }
    }
    func write() throws(BlockError) {
      try file.write(
        at: next.tableOffset + written * UInt64(width), from: buffer.bytes.slice(0..<filled * width))
      written += UInt64(filled)
      filled = 0
    }
    try entries.scan(passing: .holes, held) { (item, value) throws(BlockError) in
      guard let moved = spelling.value(of: try entries.entry(value, of: item, held)) else {
        throw BlockError(.tooLarge, "\(item) cannot say where that is")
      }
      // Behind the last block a group may have entries that are not looked at.
      while written + UInt64(filled) < layout.entryIndex(of: item) { try add(hole) }
      try add(moved)
    }
    while written + UInt64(filled) < next.capacity { try add(hole) }
    if filled > 0 { try write() }
    try file.flush()
  }
}
