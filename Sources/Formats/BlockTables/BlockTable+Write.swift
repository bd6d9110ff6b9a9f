// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Finding places for guest data, and entering what was written.
extension BlockTable {
  /// As the driver contract has it. Every slot has an allocation: also what stays where it is is claimed.
  package func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot
  {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let first = offset / layout.blockSize
      let wanted = first..<(offset + length - 1) / layout.blockSize + 1
      while true {
        guard !writes.free(wanted, shared: true, held).isEmpty else {
          held.wait()
          continue
        }
        // What is looked up from here on is in memory.
        _ = try entries.knownTablePlaces(held)
        let place = try entries.place(of: first, releasing: true, held)
        // Reading the table may have let others in.
        let claimable = writes.free(wanted, shared: true, held)
        guard !claimable.isEmpty else { continue }
        let entry = try entries.entry(of: first, at: place, held)
        try entries.requireApart(entry, of: first, held)
        if entry.place != nil {
          return try inPlace(entry, place, claimable, offset, length, held)
        }
        let fresh = writes.free(wanted, shared: false, held)
        guard !fresh.isEmpty else {
          held.wait()
          continue
        }
        guard place.slice != nil else {
          try makeTable(of: first, held)
          continue
        }
        return try newPlace(for: try alike(entry, place, fresh, held), entry, offset, length, held)
      }
    }
  }

  /// The blocks from the start of a range that are stored in a row, where they are.
  private func inPlace(
    _ entry: BlockEntry, _ place: BlockEntries.Place, _ claimable: Range<UInt64>, _ offset: UInt64,
    _ length: UInt64,
    _ held: borrowing Held
  ) throws(BlockError) -> WriteSlot {
    let first = claimable.lowerBound
    var end = first + 1
    while end < claimable.upperBound, end - first < place.remaining,
      entries.follows(entry, by: end - first, entries.value(place, plus: end - first, held), held),
      try !entries.isOnTable(entry.moved(by: (end - first) * layout.blockSize), of: end, held)
    {
      end += 1
    }
    let at = entry.place ?? 0
    // Refuses entries that point past the end of the file.
    if layout.directory != nil { _ = try space.knownEnd(held) }
    let inside = offset % layout.blockSize
    let count = min(length, (end - first) * layout.blockSize - inside)
    var write = BlockWrite(first..<end)
    if entry.isPartial || layout.bitmap?.isAdvisory == true {
      try makeBits(of: first, held)
      write.sectors = layout.sectors(of: inside..<inside + count)
    }
    return slot(
      write, shared: true, WriteSlot(length: count, location: Extent.Location(.file, at + inside)), held)
  }

  /// The slot of a write whose blocks are claimed from here on.
  private func slot(_ write: BlockWrite, shared isShared: Bool, _ slot: WriteSlot, _ held: borrowing Held)
    -> WriteSlot
  {
    var slot = slot
    slot.allocation = writes.begin(write, shared: isShared, held)
    return slot
  }

  /// The blocks from the start of a range that have no place and read alike; one where places cannot be filled in a row.
  private func alike(
    _ entry: BlockEntry, _ place: BlockEntries.Place, _ range: Range<UInt64>, _ held: borrowing Held
  )
    throws(BlockError) -> Range<
      UInt64
    >
  {
    let first = range.lowerBound
    guard layout.lead == 0, layout.bitmap == nil, entry == .hole || entry == .zero else {
      return first..<first + 1
    }
    var end = first + 1
    while end < range.upperBound, end - first < place.remaining,
      try entries.entry(entries.value(place, plus: end - first, held), of: .block(end), held) == entry
    {
      end += 1
    }
    return first..<end
  }

  /// Takes places for blocks without any.
  private func newPlace(
    for blocks: Range<UInt64>, _ entry: BlockEntry, _ offset: UInt64, _ length: UInt64, _ held: borrowing Held
  ) throws(BlockError) -> WriteSlot {
    let first = blocks.lowerBound
    let isPartial = entry == .hole && layout.storesInPart
    if isPartial { try makeBits(of: first, held) }
    held.node.note(.clusterAlloc, to: held.node.file)
    let taken = try space.takePlaces(UInt64(blocks.count), held)
    let count = UInt64(taken.count) / layout.blockUnits
    let at = layout.place(at: taken.lowerBound)
    let inside = offset % layout.blockSize
    let room = count * layout.blockSize - inside
    let length = min(length, room)
    let shows =
      if case .compressed = entry { true } else {
        layout.fillsBlocks || entry == .hole && held.node.backing != nil
      }
    let copies = shows && !isPartial
    do throws(BlockError) {
      let last = layout.place(at: taken.upperBound - layout.blockUnits)
      guard entries.coding.value(of: layout.newEntry(at, isPartial)) != nil,
        entries.coding.value(of: layout.newEntry(last, isPartial)) != nil
      else { throw BlockError(.tooLarge, "the image has no place for another block") }
      let isWritten = copies || (inside == 0 && length == room)
      if !isWritten { held.node.note(.cowWrite, to: held.node.file) }
      try space.makeBlank(taken, isWhole: isPartial || isWritten, isWritten: !isPartial && isWritten, held)
    } catch {
      space.giveBack(taken, held)
      throw error
    }
    let write = BlockWrite(
      first..<first + count, unit: taken.lowerBound,
      sectors: isPartial ? layout.sectors(of: inside..<inside + length) : nil)
    return slot(
      write, shared: false,
      WriteSlot(
        length: length, location: Extent.Location(.file, at + inside), fillBefore: copies ? inside : 0,
        fillAfter: copies ? room - length : 0), held)
  }

  /// Enters the blocks of a slot, or gives their places back.
  package func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let write = writes.end(slot.allocation, held) else { return }
      defer { writes.release(write.claim, held) }
      try finish(write, written: written, held)
    }
  }

  private func finish(_ write: BlockWrite, written: Bool, _ held: borrowing Held) throws(BlockError) {
    guard let unit = write.unit else {
      let first = write.blocks.lowerBound
      guard written, let sectors = write.sectors,
        let place = try entries.entry(of: first, held).place
      else { return }
      return try entries.mark(sectors, of: first, at: place, held)
    }
    let units = unit..<unit + UInt64(write.blocks.count) * layout.blockUnits
    guard written else { return space.giveBack(units, held) }
    for (block, unit) in zip(
      write.blocks, stride(from: unit, to: units.upperBound, by: Int(layout.blockUnits)))
    {
      do throws(BlockError) {
        try enter(block, unit: unit, sectors: write.sectors, held)
      } catch {
        space.giveBack(unit..<units.upperBound, held)
        throw error
      }
    }
  }

  /// Lets a block have a place, with these sectors of it or all.
  func enter(_ block: UInt64, unit: UInt64, sectors: Range<UInt64>? = nil, _ held: borrowing Held)
    throws(BlockError)
  {
    let place = layout.place(at: unit)
    let entry = layout.newEntry(place, sectors != nil)
    if case .partial = entry {
      if layout.bitmap?.place == .lead {
        // The bits of what was here before mean nothing; the file has zeros.
        entries.bitmaps.drop(from: place - layout.lead, bytes: layout.lead, held)
      } else {
        try entries.mark(layout.allSectors, of: block, at: place, areStored: false, held)
      }
      try entries.mark(sectors ?? layout.allSectors, of: block, at: place, held)
    } else if layout.leadFill != 0, layout.lead > 0 {
      let lead = Buffer(count: Int(layout.lead))
      var bytes = lead.mutableBytes
      for index in 0..<lead.count { bytes.store(layout.leadFill, at: index) }
      try held.node.child(in: .file).write(at: place - layout.lead, from: lead.bytes)
    }
    try set(entry, of: block, held)
  }
}
