// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Changing the guest's length. `header` stands for the one write after which the file has the new length.
extension BlockTable {
  /// Sets the guest's length; the table must have room for the blocks that it makes.
  ///
  /// New blocks read as zero, whatever lies below; with a preallocation other than off, or where places are fixed, they
  /// have places.
  package func resize(
    to length: UInt64, preallocation: Preallocation, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      var next = layout
      next.length = length
      next.unitLimit = max(next.unitLimit, next.blockCount * next.blockUnits)
      precondition(
        next.blockCount == 0 || layout.entryIndex(of: .block(next.blockCount - 1)) < layout.capacity,
        "block table without room")
      let old = layout
      guard length < old.length else { return try grow(to: next, preallocation, held, header) }
      try writeOut(held)
      try header(next)
      // The table's entries behind the new end mean nothing from here on.
      layout = next
      try drop(next.blockCount..<old.blockCount, held)
      try zeroTail(of: length, held)
      try writeOut(held)
      _ = try compact(held)
    }
  }

  /// Lets blocks be holes, whatever lies below, and gives up their places.
  func drop(_ blocks: Range<UInt64>, _ held: borrowing Held) throws(BlockError) {
    var block = blocks.lowerBound
    while block < blocks.upperBound {
      let place = try place(of: block, releasing: false, held)
      guard place.slice != nil else {
        block += place.remaining
        continue
      }
      if let entry = checked(value(place, held), of: .block(block), held) {
        try giveUp(entry, of: block, held)
      }
      try set(.hole, of: block, held)
      if space.hasManyDropped { try writeOut(held) }
      block += 1
    }
  }

  /// Makes entries for new blocks, then the disk that has them; undone where that fails.
  private func grow(
    to next: BlockTableLayout, _ preallocation: Preallocation, _ held: borrowing Held,
    _ header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    let old = layout
    let file = try held.node.child(in: .file)
    let oldEnd = areaEnd(file, held)
    try zeroTail(of: old.length, held)
    do throws(BlockError) {
      let blocks = old.blockCount..<next.blockCount
      let shown = min(blocks.upperBound, (held.node.backing?.length ?? 0).dividedUp(by: old.blockSize))
      layout.unitLimit = next.unitLimit
      madeBlocks = next.blockCount
      if shown >= old.blockCount { try hideTail(of: old.length, held) }
      if layout.directory == nil {
        for block in blocks { try set(.hole, of: block, held) }
        if let every = layout.bitmapGroup {
          for group in old.blockCount.dividedUp(by: every)..<next.blockCount.dividedUp(by: every) {
            try set(.hole, of: .bitmap(group), held)
          }
        }
      }
      if layout.isFixed || preallocation != .off {
        try fill(blocks, preallocation, held)
      } else if shown > blocks.lowerBound {
        let hidden = blocks.lowerBound..<shown
        if coding.value(of: .zero) == nil {
          try fill(hidden, .off, held)
        } else {
          for block in hidden { try set(.zero, of: block, held) }
        }
      }
      try writeOut(held)
      try header(next)
      layout = next
      madeBlocks = 0
    } catch {
      layout = old
      madeBlocks = 0
      space.begin(at: nil)
      // There is an error to report already. Tables that were made stay.
      if old.directory == nil { try? cutFile(to: oldEnd, held) }
      throw error
    }
  }

  /// Lets what is stored behind the end of the last block read as zero, so that it is when the disk grows.
  private func zeroTail(of length: UInt64, _ held: borrowing Held) throws(BlockError) {
    let inside = length % layout.blockSize
    // Zeros in the file would read as something else: the driver writes what reads as zeros.
    guard inside > 0, !layout.fillsBlocks else { return }
    let block = length / layout.blockSize
    guard let offset = try entry(of: block, held).place else {
      return
    }
    try held.node.child(in: .file).writeZeroes(
      at: offset + inside, length: layout.blockSize - inside, mayUnmap: true)
  }

  /// Lets what lies below not show through behind the end of the last block, once the disk is longer.
  private func hideTail(of length: UInt64, _ held: borrowing Held) throws(BlockError) {
    let inside = length % layout.blockSize
    guard inside > 0, let backing = held.node.backing else { return }
    let block = length / layout.blockSize
    let entry = try entry(of: block, held)
    switch entry {
    case .partial(let place):
      try makeBits(of: block, held)
      try mark(
        layout.sectors(of: inside..<layout.blockSize), of: block, at: place, held)
    case .hole:
      let units = try takePlaces(1, held)
      try makeBlank(units, isWhole: false, held)
      let place = layout.place(at: units.lowerBound)
      var done: UInt64 = 0
      while done < inside {
        let count = min(inside - done, 1 << 20)
        let piece = try backing.read(at: length - inside + done, count: Int(count))
        try held.node.child(in: .file).write(at: place + done, from: piece.bytes)
        done += count
      }
      try enter(block, unit: units.lowerBound, sectors: layout.bitmap == nil ? nil : layout.allSectors, held)
    case .data, .zero, .compressed: break
    }
  }

  /// Gives new blocks places that read as zero.
  private func fill(_ blocks: Range<UInt64>, _ preallocation: Preallocation, _ held: borrowing Held)
    throws(BlockError)
  {
    var block = blocks.lowerBound
    while block < blocks.upperBound {
      let units = try takePlaces(blocks.upperBound - block, held)
      try makeBlank(units, isWhole: false, preallocation: preallocation, held)
      for unit in stride(from: units.lowerBound, to: units.upperBound, by: Int(layout.blockUnits)) {
        try enter(block, unit: unit, held)
        block += 1
      }
    }
  }

  // MARK: A table elsewhere

  /// Moves a table that stands alone into the first `count` units, after what they held has got other places.
  ///
  /// `next` says where the table and the blocks are afterwards, `coding` how its entries are spelled there, and
  /// `header` makes it so in the file with one write.
  package func moveTable(
    toFirst count: UInt64, _ next: BlockTableLayout, _ coding: any BlockEntryCoding, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    precondition(layout.directory == nil, "tables of a directory do not move as one")
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try writeOut(held)
      space.begin(at: max(try knownEnd(held), count))
      let limit = layout.unitLimit
      layout.unitLimit = .max >> 1
      defer { layout.unitLimit = min(layout.unitLimit, max(limit, next.unitLimit)) }
      var moving: [(item: BlockTableItem, entry: BlockEntry)] = []
      try scan(held) { (item, value) throws(BlockError) in
        let entry = try self.entry(value, of: item, held)
        guard let units = self.units(of: item, entry, held), units.lowerBound < count else { return }
        guard UInt64(moving.count) < count else {
          throw BlockError(
            .corrupt, "blocks share their places", advice: "'check -r all' gives each its own.")
        }
        moving.append((item, entry))
      }
      for (item, entry) in moving { try move(item, entry, held) }
      try writeOut(held)
      let end = layout.offset(ofUnit: count)
      if trailer != nil, areaEnd(try held.node.child(in: .file), held) < end {
        try placeTrailer(at: end, held)
      }
      try writeTable(next, coding, held)
      try journal?.settle(held.node)
      let old = layout.tableOffset..<layout.tableOffset + layout.capacity * UInt64(self.coding.width)
      try header(next)
      use(next, coding, held)
      try letGo([old], held)
    }
  }

  /// Gives an item another place in the file, with a copy of what it has, and enters it: from an offset on, or somewhere that
  /// is free. A compressed block goes where it is told to.
  func move(_ item: BlockTableItem, _ entry: BlockEntry, to offset: UInt64? = nil, _ held: borrowing Held)
    throws(BlockError)
  {
    guard let old = place(of: item, entry, held) else { return }
    var target = offset
    if target == nil, entry.place != nil {
      if case .block = item {
        let units = try takePlaces(1, held)
        if trailer != nil { try makeBlank(units, isWhole: true, held) }
        target = layout.offset(ofUnit: units.lowerBound)
      } else {
        target = layout.offset(ofUnit: try takeUnits(for: item, held).lowerBound)
      }
    }
    guard let target else { return }
    try copy(from: old.lowerBound, to: target, UInt64(old.count), held)
    try set(entry.moved(by: target &- old.lowerBound), of: item, held)
  }

  func copy(from source: UInt64, to target: UInt64, _ length: UInt64, _ held: borrowing Held)
    throws(BlockError)
  {
    let file = try held.node.child(in: .file)
    let piece = Buffer(count: Int(min(length, 1 << 20)))
    var done: UInt64 = 0
    while done < length {
      let count = Int(min(UInt64(piece.count), length - done))
      var bytes = piece.mutableBytes
      var part = bytes.slice(0..<count)
      try file.read(at: source + done, into: &part)
      try file.write(at: target + done, from: piece.bytes.slice(0..<count))
      done += UInt64(count)
    }
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
    try scan(held) { (item, value) throws(BlockError) in
      guard let moved = spelling.value(of: try self.entry(value, of: item, held)) else {
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
