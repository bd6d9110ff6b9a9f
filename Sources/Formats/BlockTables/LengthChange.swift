// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A change of the guest's length. `header` stands for the one write after which the file has the new length.
struct LengthChange: BlockTableWork {
  let table: BlockTable

  /// Sets the guest's length; the table must have room for the blocks that it makes.
  ///
  /// New blocks read as zero, whatever lies below; with a preallocation other than off, or where places are fixed, they
  /// have places.
  func resize(
    to length: UInt64, preallocation: Preallocation, _ held: borrowing Held,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    var next = layout
    next.length = length
    next.unitLimit = max(next.unitLimit, next.blockCount * next.blockUnits)
    precondition(
      next.blockCount == 0 || layout.entryIndex(of: .block(next.blockCount - 1)) < layout.capacity,
      "block table without room")
    let old = layout
    guard length < old.length else { return try grow(to: next, preallocation, held, header) }
    try space.writeOut(held)
    try header(next)
    // The table's entries behind the new end mean nothing from here on.
    entries.useLength(of: next, held)
    try drop(next.blockCount..<old.blockCount, held)
    try zeroTail(of: length, held)
    try space.writeOut(held)
    _ = try Compaction(table: table).run(held)
  }

  /// Gives up the places of blocks behind the end of the disk.
  private func drop(_ blocks: Range<UInt64>, _ held: borrowing Held) throws(BlockError) {
    try setHoles(in: blocks, keeping: .placeless, held) {
      (block, entry, held: borrowing Held) throws(BlockError) in
      if let entry { try space.giveUp(entry, of: block, held) }
      try space.settleMany(held)
    }
  }

  /// Lets the entries behind the disk's last block be holes, up to `count` entries of all that there are: those of a change
  /// that was cut short may name places that are others' now, which stay as they are.
  func clearBehindEnd(upTo count: UInt64, _ held: borrowing Held) throws(BlockError) {
    let end = min(count, layout.capacity)
    guard layout.blockCount < end else { return }
    try setHoles(in: layout.blockCount..<end, keeping: .holes, held) { (_, _, _: borrowing Held) in }
  }

  /// Lets blocks be holes, where they have entries, but those that a look passes over; `body` is told of each entry before,
  /// nil where it makes no sense.
  private func setHoles(
    in blocks: Range<UInt64>, keeping kept: BlockEntries.Passed, _ held: borrowing Held,
    _ body: (UInt64, BlockEntry?, borrowing Held) throws(BlockError) -> Void
  ) throws(BlockError) {
    try entries.writeEntries(held)
    // As many as may be found at once; more where there are none.
    let least = UInt64(BlockTable.rememberedPlaces)
    var window = least
    var position = blocks.lowerBound
    while position < blocks.upperBound {
      var end = position + min(window, blocks.upperBound - position)
      var found: [(block: UInt64, entry: BlockEntry?)] = []
      try entries.scan(position..<end, passing: kept, held) { (item, value) throws(BlockError) in
        guard case .block(let block) = item, block < end else { return }
        found.append((block, entries.checked(value, of: item, held)))
        if found.count == BlockTable.rememberedPlaces { end = block + 1 }
      }
      for (block, entry) in found {
        try body(block, entry, held)
        try table.set(.hole, of: block, held)
      }
      position = end
      window = found.isEmpty ? min(2 * window, 1 << 40) : least
    }
  }

  /// Makes entries for new blocks, then the disk that has them; undone where that fails.
  private func grow(
    to next: BlockTableLayout, _ preallocation: Preallocation, _ held: borrowing Held,
    _ header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    let old = layout
    let file = try held.node.child(in: .file)
    let oldEnd = space.areaEnd(file, held)
    try zeroTail(of: old.length, held)
    do throws(BlockError) {
      let blocks = old.blockCount..<next.blockCount
      let shown = min(blocks.upperBound, (held.node.backing?.length ?? 0).dividedUp(by: old.blockSize))
      entries.beginGrowth(to: next, held)
      if shown >= old.blockCount { try hideTail(of: old.length, held) }
      try clearBehindEnd(upTo: next.blockCount, held)
      if let every = layout.bitmapGroup {
        for group in old.blockCount.dividedUp(by: every)..<next.blockCount.dividedUp(by: every) {
          try table.set(.hole, of: .bitmap(group), held)
        }
      }
      if layout.isFixed || preallocation != .off {
        try fill(blocks, preallocation, held)
      } else if shown > blocks.lowerBound {
        let hidden = blocks.lowerBound..<shown
        if entries.coding.value(of: .zero) == nil {
          try fill(hidden, .off, held)
        } else {
          for block in hidden { try table.set(.zero, of: block, held) }
        }
      }
      try space.writeOut(held)
      try header(next)
      entries.useLength(of: next, held)
    } catch {
      entries.useLength(of: old, held)
      space.begin(at: nil, held)
      // There is an error to report already. Tables that were made stay.
      if old.directory == nil { try? space.cutFile(to: oldEnd, held) }
      throw error
    }
  }

  /// Lets what is stored behind the end of the last block read as zero, so that it is when the disk grows.
  private func zeroTail(of length: UInt64, _ held: borrowing Held) throws(BlockError) {
    let inside = length % layout.blockSize
    // Zeros in the file would read as something else: the driver writes what reads as zeros.
    guard inside > 0, !layout.fillsBlocks else { return }
    let block = length / layout.blockSize
    guard let offset = try entries.entry(of: block, held).place else {
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
    let entry = try entries.entry(of: block, held)
    switch entry {
    case .partial(let place):
      try table.makeBits(of: block, held)
      try entries.mark(
        layout.sectors(of: inside..<layout.blockSize), of: block, at: place, held)
    case .hole:
      let units = try space.takePlaces(1, held)
      try space.makeBlank(units, isWhole: false, held)
      let place = layout.place(at: units.lowerBound)
      var done: UInt64 = 0
      while done < inside {
        let count = min(inside - done, 1 << 20)
        let piece = try backing.read(at: length - inside + done, count: Int(count))
        try held.node.child(in: .file).write(at: place + done, from: piece.bytes)
        done += count
      }
      try table.enter(
        block, unit: units.lowerBound, sectors: layout.bitmap == nil ? nil : layout.allSectors, held)
    case .data, .zero, .compressed: break
    }
  }

  /// Gives new blocks places that read as zero.
  private func fill(_ blocks: Range<UInt64>, _ preallocation: Preallocation, _ held: borrowing Held)
    throws(BlockError)
  {
    var block = blocks.lowerBound
    while block < blocks.upperBound {
      let units = try space.takePlaces(blocks.upperBound - block, held)
      try space.makeBlank(units, isWhole: false, preallocation: preallocation, held)
      for unit in stride(from: units.lowerBound, to: units.upperBound, by: Int(layout.blockUnits)) {
        try table.enter(block, unit: unit, held)
        block += 1
      }
    }
  }
}
