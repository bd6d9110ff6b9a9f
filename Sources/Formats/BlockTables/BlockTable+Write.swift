// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Finding places for guest data, and entering what was written.
extension BlockTable {
  /// As the driver contract has it. Every slot has an allocation: also what stays where it is is claimed.
  package func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot
  {
    lock.lock()
    defer { lock.unlock() }
    let first = offset / layout.blockSize
    let wanted = first..<(offset + length - 1) / layout.blockSize + 1
    while true {
      guard !claims.free(wanted, shared: true).isEmpty else {
        lock.wait()
        continue
      }
      // What is looked up from here on is in memory.
      _ = try knownTablePlaces(node)
      let place = try place(of: first, releasing: true, node)
      // Reading the table may have let others in.
      let claimable = claims.free(wanted, shared: true)
      guard !claimable.isEmpty else { continue }
      let entry = try entry(value(place), of: first)
      try requireApart(entry, of: first, node)
      if entry.place != nil {
        return try inPlace(entry, place, claimable, offset, length, node)
      }
      let fresh = claims.free(wanted, shared: false)
      guard !fresh.isEmpty else {
        lock.wait()
        continue
      }
      guard place.slice != nil else {
        try makeTable(of: first, node)
        continue
      }
      return try newPlace(for: try alike(entry, place, fresh), entry, offset, length, node)
    }
  }

  /// The blocks from the start of a range that are stored in a row, where they are.
  private func inPlace(
    _ entry: BlockEntry, _ place: Place, _ claimable: Range<UInt64>, _ offset: UInt64, _ length: UInt64,
    _ node: Node
  ) throws(BlockError) -> WriteSlot {
    let first = claimable.lowerBound
    var end = first + 1
    while end < claimable.upperBound, end - first < place.remaining,
      follows(entry, by: end - first, value(place, plus: end - first)),
      try !isOnTable(entry.moved(by: (end - first) * layout.blockSize), of: end, node)
    {
      end += 1
    }
    let at = entry.place ?? 0
    // Refuses entries that point past the end of the file.
    if layout.directory != nil { _ = try knownFreeUnits(node) }
    let inside = offset % layout.blockSize
    let count = min(length, (end - first) * layout.blockSize - inside)
    var write = Pending(claim: 0, blocks: first..<end, unit: nil, sectors: nil)
    if entry.isPartial || layout.bitmap?.isAdvisory == true {
      try makeBits(of: first, node)
      write.sectors = sectors(of: inside..<inside + count)
    }
    return slot(write, shared: true, WriteSlot(length: count, location: Extent.Location(.file, at + inside)))
  }

  /// The slot of a write whose blocks are claimed from here on.
  private func slot(_ write: Pending, shared isShared: Bool, _ slot: WriteSlot) -> WriteSlot {
    var (write, slot) = (write, slot)
    write.claim = claims.claim(write.blocks, shared: isShared)
    slot.allocation = write.claim
    pending.append(write)
    return slot
  }

  /// The blocks from the start of a range that have no place and read alike; one where places cannot be filled in a row.
  private func alike(_ entry: BlockEntry, _ place: Place, _ range: Range<UInt64>) throws(BlockError) -> Range<
    UInt64
  > {
    let first = range.lowerBound
    guard layout.lead == 0, layout.bitmap == nil, entry == .hole || entry == .zero else {
      return first..<first + 1
    }
    var end = first + 1
    while end < range.upperBound, end - first < place.remaining,
      try self.entry(value(place, plus: end - first), of: end) == entry
    {
      end += 1
    }
    return first..<end
  }

  /// Takes places for blocks without any.
  private func newPlace(
    for blocks: Range<UInt64>, _ entry: BlockEntry, _ offset: UInt64, _ length: UInt64, _ node: Node
  ) throws(BlockError) -> WriteSlot {
    let first = blocks.lowerBound
    let isPartial = entry == .hole && layout.storesInPart
    if isPartial { try makeBits(of: first, node) }
    let taken = try takePlaces(UInt64(blocks.count), node)
    let count = UInt64(taken.count) / layout.blockUnits
    let at = layout.place(at: taken.lowerBound)
    let inside = offset % layout.blockSize
    let room = count * layout.blockSize - inside
    let length = min(length, room)
    let shows =
      if case .compressed = entry { true } else {
        layout.fillsBlocks || entry == .hole && node.backing != nil
      }
    let copies = shows && !isPartial
    do throws(BlockError) {
      let last = layout.place(at: taken.upperBound - layout.blockUnits)
      guard coding.value(of: newEntry(at, isPartial)) != nil,
        coding.value(of: newEntry(last, isPartial)) != nil
      else { throw BlockError(.tooLarge, "the image has no place for another block") }
      let isWritten = copies || (inside == 0 && length == room)
      try makeBlank(taken, isWhole: isPartial || isWritten, isWritten: !isPartial && isWritten, node)
    } catch {
      giveBack(taken, node)
      throw error
    }
    let write = Pending(
      claim: 0, blocks: first..<first + count, unit: taken.lowerBound,
      sectors: isPartial ? sectors(of: inside..<inside + length) : nil)
    return slot(
      write, shared: false,
      WriteSlot(
        length: length, location: Extent.Location(.file, at + inside), fillBefore: copies ? inside : 0,
        fillAfter: copies ? room - length : 0))
  }

  /// The entry of a block that got `place`.
  private func newEntry(_ place: UInt64, _ isPartial: Bool) -> BlockEntry {
    isPartial || layout.storesInPart && layout.bitmap?.place == .lead ? .partial(place) : .data(place)
  }

  /// Lets new places read as zeros, but for data that is going to be written as a whole or that no bit tells of, and
  /// take room where the preallocation says so.
  ///
  /// - Parameter isWritten: whether that data is written up to its end, which makes the file as long.
  func makeBlank(
    _ units: Range<UInt64>, isWhole: Bool, isWritten: Bool = false, preallocation: Preallocation = .off,
    _ node: Node
  ) throws(BlockError) {
    let file = try node.child(in: .file)
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
    } else if end > areaEnd(file) {
      // Nothing is left of the old trailer.
      start = min(start, areaEnd(file))
      try placeTrailer(at: end, node)
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
    try end(slot.allocation) { (write) throws(BlockError) in
      try self.finish(write, written: written, of: node)
    }
  }

  /// Calls `body` with the write of a claim; others may write to its blocks afterwards, also where `body` throws.
  func end(_ claim: UInt64?, _ body: (Pending) throws(BlockError) -> Void) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let index = pending.firstIndex(where: { $0.claim == claim }) else { return }
    let write = pending.remove(at: index)
    defer {
      claims.release(write.claim)
      lock.notifyAll()
    }
    try body(write)
  }

  private func finish(_ write: Pending, written: Bool, of node: Node) throws(BlockError) {
    guard let unit = write.unit else {
      let first = write.blocks.lowerBound
      guard written, let sectors = write.sectors,
        let place = try entry(value(place(of: first, releasing: false, node)), of: first).place
      else { return }
      return try mark(sectors, of: first, at: place, node)
    }
    let units = unit..<unit + UInt64(write.blocks.count) * layout.blockUnits
    guard written else { return giveBack(units, node) }
    for (block, unit) in zip(
      write.blocks, stride(from: unit, to: units.upperBound, by: Int(layout.blockUnits)))
    {
      do throws(BlockError) {
        try enter(block, unit: unit, sectors: write.sectors, node)
      } catch {
        giveBack(unit..<units.upperBound, node)
        throw error
      }
    }
  }

  /// Lets a block have a place, with these sectors of it or all.
  func enter(_ block: UInt64, unit: UInt64, sectors: Range<UInt64>? = nil, _ node: Node) throws(BlockError) {
    let place = layout.place(at: unit)
    let entry = newEntry(place, sectors != nil)
    if case .partial = entry {
      if layout.bitmap?.place == .lead {
        // The bits of what was here before mean nothing; the file has zeros.
        bitmaps.drop(from: place - layout.lead, bytes: layout.lead)
      } else {
        try mark(allSectors, of: block, at: place, areStored: false, node)
      }
      try mark(sectors ?? allSectors, of: block, at: place, node)
    } else if layout.leadFill != 0, layout.lead > 0 {
      let lead = Buffer(count: Int(layout.lead))
      var bytes = lead.mutableBytes
      for index in 0..<lead.count { bytes.store(layout.leadFill, at: index) }
      try node.child(in: .file).write(at: place - layout.lead, from: lead.bytes)
    }
    try set(entry, of: block, node)
  }
}
