// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The end of blocks that are stored in part.
struct SectorNaming: BlockTableWork {
  let table: BlockTable

  /// Lets the bits of each stored block name all of its sectors: those that they did not name read as zero from then on.
  /// Where the bits are advisory, content stays as it is.
  func nameAll(_ held: borrowing Held) throws(BlockError) {
    try forEachPlaced(held) { (block, entry, at) throws(BlockError) in
      if entry.isPartial { try zeroUnnamed(block, at: at, held) }
      try entries.mark(layout.allSectors, of: block, at: at, held)
    }
    try space.writeOut(held)
  }

  /// Lets each block that is stored in part be stored as a whole, and no bitmaps stand apart: sectors that were not named
  /// read as zero from then on.
  func storeWhole(_ held: borrowing Held) throws(BlockError) {
    try forEachPlaced(held) { (block, entry, at) throws(BlockError) in
      guard entry.isPartial else { return }
      try zeroUnnamed(block, at: at, held)
      try table.set(.data(at), of: block, held)
    }
    try space.writeOut(held)
    guard let every = layout.bitmapGroup else { return }
    for group in 0..<layout.blockCount.dividedUp(by: every)
    where layout.entryIndex(of: .bitmap(group)) < layout.capacity {
      try table.set(.hole, of: .bitmap(group), held)
    }
    _ = try Compaction(table: table).run(held)
  }

  /// Calls `body` with each block that has a place, its entry and the place, once no write is under way.
  private func forEachPlaced(
    _ held: borrowing Held, _ body: (UInt64, BlockEntry, UInt64) throws(BlockError) -> Void
  )
    throws(BlockError)
  {
    table.writes.waitForAll(held)
    var block: UInt64 = 0
    while block < layout.blockCount {
      let place = try entries.place(of: block, releasing: false, held)
      let entry = try entries.entry(of: block, at: place, held)
      if let at = entry.place { try body(block, entry, at) }
      block += place.slice == nil ? place.remaining : 1
    }
  }

  private func zeroUnnamed(_ block: UInt64, at place: UInt64, _ held: borrowing Held) throws(BlockError) {
    var inside: UInt64 = 0
    while inside < layout.blockSize {
      guard let sectors = try entries.sectorsAlike(in: block, at: place, inside, held) else { continue }
      let end = min(sectors.end, layout.blockSize)
      if !sectors.areStored {
        try held.node.child(in: .file).writeZeroes(at: place + inside, length: end - inside, mayUnmap: true)
      }
      inside = end
    }
  }
}
