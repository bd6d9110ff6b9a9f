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
        _ = try knownTablePlaces(held)
        let place = try place(of: first, releasing: true, held)
        // Reading the table may have let others in.
        let claimable = writes.free(wanted, shared: true, held)
        guard !claimable.isEmpty else { continue }
        let entry = try entry(of: first, at: place, held)
        try requireApart(entry, of: first, held)
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
    _ entry: BlockEntry, _ place: Place, _ claimable: Range<UInt64>, _ offset: UInt64, _ length: UInt64,
    _ held: borrowing Held
  ) throws(BlockError) -> WriteSlot {
    let first = claimable.lowerBound
    var end = first + 1
    while end < claimable.upperBound, end - first < place.remaining,
      follows(entry, by: end - first, value(place, plus: end - first, held), held),
      try !isOnTable(entry.moved(by: (end - first) * layout.blockSize), of: end, held)
    {
      end += 1
    }
    let at = entry.place ?? 0
    // Refuses entries that point past the end of the file.
    if layout.directory != nil { _ = try knownEnd(held) }
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
  private func alike(_ entry: BlockEntry, _ place: Place, _ range: Range<UInt64>, _ held: borrowing Held)
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
      try self.entry(value(place, plus: end - first, held), of: .block(end), held) == entry
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
    let taken = try takePlaces(UInt64(blocks.count), held)
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
      guard coding.value(of: layout.newEntry(at, isPartial)) != nil,
        coding.value(of: layout.newEntry(last, isPartial)) != nil
      else { throw BlockError(.tooLarge, "the image has no place for another block") }
      let isWritten = copies || (inside == 0 && length == room)
      try makeBlank(taken, isWhole: isPartial || isWritten, isWritten: !isPartial && isWritten, held)
    } catch {
      giveBack(taken, held)
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

  /// Lets new places read as zeros, but for data that is going to be written as a whole or that no bit tells of, and
  /// take room where the preallocation says so.
  ///
  /// - Parameter isWritten: whether that data is written up to its end, which makes the file as long.
  func makeBlank(
    _ units: Range<UInt64>, isWhole: Bool, isWritten: Bool = false, preallocation: Preallocation = .off,
    _ held: borrowing Held
  ) throws(BlockError) {
    let file = try held.node.child(in: .file)
    let takesRoom = preallocation == .falloc || preallocation == .full
    var start = layout.offset(ofUnit: units.lowerBound)
    let end = layout.offset(ofUnit: units.upperBound)
    var known = file.length
    let wholeEnd = isWhole ? start + layout.lead : end
    if trailer == nil {
      // A file's new bytes read as zero; a device has its length. A log states lengths that are whole.
      if end > known, !isWritten || takesRoom || journal != nil {
        try file.truncate(to: end, exact: false, preallocation: takesRoom ? preallocation : .off)
      }
    } else if end > areaEnd(file, held) {
      // Nothing is left of the old trailer.
      start = min(start, areaEnd(file, held))
      try placeTrailer(at: end, held)
      if takesRoom { known = end }
    }
    let blankEnd = min(wholeEnd, known)
    guard start < blankEnd else { return }
    let length = blankEnd - start
    if length <= 4096 {
      // No more than a trailer: a hole there costs more than the bytes.
      try file.write(at: start, from: Buffer(count: Int(length)).bytes)
    } else {
      try file.writeZeroes(at: start, length: length, mayUnmap: !takesRoom)
    }
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
        let place = try entry(of: first, held).place
      else { return }
      return try mark(sectors, of: first, at: place, held)
    }
    let units = unit..<unit + UInt64(write.blocks.count) * layout.blockUnits
    guard written else { return giveBack(units, held) }
    for (block, unit) in zip(
      write.blocks, stride(from: unit, to: units.upperBound, by: Int(layout.blockUnits)))
    {
      do throws(BlockError) {
        try enter(block, unit: unit, sectors: write.sectors, held)
      } catch {
        giveBack(unit..<units.upperBound, held)
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
        bitmaps.drop(from: place - layout.lead, bytes: layout.lead, held)
      } else {
        try mark(layout.allSectors, of: block, at: place, areStored: false, held)
      }
      try mark(sectors ?? layout.allSectors, of: block, at: place, held)
    } else if layout.leadFill != 0, layout.lead > 0 {
      let lead = Buffer(count: Int(layout.lead))
      var bytes = lead.mutableBytes
      for index in 0..<lead.count { bytes.store(layout.leadFill, at: index) }
      try held.node.child(in: .file).write(at: place - layout.lead, from: lead.bytes)
    }
    try set(entry, of: block, held)
  }
}
