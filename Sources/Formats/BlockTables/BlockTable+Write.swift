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
      let place = try place(of: first, releasing: true, node)
      // Reading the table may have let others in.
      let claimable = claims.free(wanted, shared: true)
      guard !claimable.isEmpty else { continue }
      let entry = try entry(value(place), of: first)
      if case .data(let at) = entry {
        return inPlace(at, place, claimable, offset, length)
      }
      let fresh = claims.free(wanted, shared: false)
      guard !fresh.isEmpty else {
        lock.wait()
        continue
      }
      let blocks = try alike(entry, place, fresh)
      if let slot = try newPlace(for: blocks, entry, offset, length, node) { return slot }
    }
  }

  /// The blocks from the start of a range that are stored in a row, where they are.
  private func inPlace(
    _ at: UInt64, _ place: Place, _ claimable: Range<UInt64>, _ offset: UInt64, _ length: UInt64
  ) -> WriteSlot {
    let first = claimable.lowerBound
    var end = first + 1
    while end < claimable.upperBound, end - first < place.remaining,
      follows(.data(at), by: end - first, value(place, plus: end - first))
    {
      end += 1
    }
    let blocks = first..<end
    let claim = claims.claim(blocks, shared: true)
    pending.append(Pending(claim: claim, blocks: blocks, space: nil))
    let inside = offset % layout.blockSize
    return WriteSlot(
      length: min(length, UInt64(blocks.count) * layout.blockSize - inside),
      location: Extent.Location(.file, at + inside), allocation: claim)
  }

  /// The blocks from the start of a range that have no space and read alike; one where spaces cannot be filled in a row.
  private func alike(_ entry: BlockEntry, _ place: Place, _ range: Range<UInt64>) throws(BlockError) -> Range<
    UInt64
  > {
    let first = range.lowerBound
    guard layout.lead == 0 else { return first..<first + 1 }
    var end = first + 1
    while end < range.upperBound, end - first < place.remaining,
      try self.entry(value(place, plus: end - first), of: end) == entry
    {
      end += 1
    }
    return first..<end
  }

  /// Takes spaces for blocks without any; nil where the caller has to look again.
  private func newPlace(
    for blocks: Range<UInt64>, _ entry: BlockEntry, _ offset: UInt64, _ length: UInt64, _ node: Node
  ) throws(BlockError) -> WriteSlot? {
    let taken = try takeSpaces(UInt64(blocks.count), node)
    let blocks = blocks.lowerBound..<blocks.lowerBound + UInt64(taken.count)
    let at = layout.offset(ofSpace: taken.lowerBound) + layout.lead
    let inside = offset % layout.blockSize
    let room = UInt64(blocks.count) * layout.blockSize - inside
    let count = min(length, room)
    let copies = entry == .hole && node.backing != nil
    do throws(BlockError) {
      guard coding.value(of: .data(at)) != nil,
        coding.value(of: .data(layout.offset(ofSpace: taken.upperBound - 1) + layout.lead)) != nil
      else { throw BlockError(.tooLarge, "the image has no place for another block") }
      let isWhole = layout.lead == 0 && (copies || (inside == 0 && count == room))
      try makeBlank(taken, isWhole: isWhole, node)
    } catch {
      giveBack(taken)
      throw error
    }
    let claim = claims.claim(blocks, shared: false)
    pending.append(Pending(claim: claim, blocks: blocks, space: taken.lowerBound))
    return WriteSlot(
      length: count, location: Extent.Location(.file, at + inside), fillBefore: copies ? inside : 0,
      fillAfter: copies ? room - count : 0, allocation: claim)
  }

  /// Lets new spaces read as zeros, but where they are going to be written as a whole, and take room where the
  /// preallocation says so.
  func makeBlank(
    _ spaces: Range<UInt64>, isWhole: Bool, preallocation: Preallocation = .off, _ node: Node
  ) throws(BlockError) {
    let file = try BlockTable.file(of: node)
    let takesRoom = preallocation == .falloc || preallocation == .full
    let start = layout.offset(ofSpace: spaces.lowerBound)
    let end = layout.offset(ofSpace: spaces.upperBound)
    let known = file.length
    // What the file grows by reads as zero; a device has its length.
    if end > known {
      try file.truncate(to: end, exact: false, preallocation: takesRoom ? preallocation : .off)
    }
    if !isWhole, start < known {
      try file.writeZeroes(at: start, length: min(end, known) - start, mayUnmap: !takesRoom)
    }
  }

  /// Enters the blocks of a slot, or gives their spaces back.
  package func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    guard let index = pending.firstIndex(where: { $0.claim == slot.allocation }) else { return }
    let write = pending.remove(at: index)
    defer {
      claims.release(write.claim)
      lock.notifyAll()
    }
    guard let space = write.space else { return }
    let spaces = space..<space + UInt64(write.blocks.count)
    guard written else { return giveBack(spaces) }
    for (block, space) in zip(write.blocks, spaces) {
      do throws(BlockError) {
        try set(.data(layout.offset(ofSpace: space) + layout.lead), of: block, node)
      } catch {
        giveBack(space..<spaces.upperBound)
        throw error
      }
    }
  }

  // MARK: Spaces

  /// Takes free spaces in a row: at least one, at most `count`.
  func takeSpaces(_ count: UInt64, _ node: Node) throws(BlockError) -> Range<UInt64> {
    if dropped.count >= BlockTable.rememberedSpaces { try writeOut(node) }
    var free = try knownFreeSpaces(node)
    defer { freeSpaces = free }
    if count == 1, let space = free.reusable.popLast() { return space..<space + 1 }
    if free.end < layout.spaceLimit {
      let taken = min(count, layout.spaceLimit - free.end)
      free.end += taken
      return free.end - taken..<free.end
    }
    if free.reusable.isEmpty {
      freeSpaces = free
      try writeOut(node)
      free = freeSpaces ?? free
    }
    if free.reusable.isEmpty { free.reusable = try unusedSpaces(before: free.end, node) }
    guard let space = free.reusable.popLast() else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    return space..<space + 1
  }

  /// Spaces up to the last one that is in use; entries are in the file afterwards.
  package func usedSpaces(of node: Node) throws(BlockError) -> UInt64 {
    lock.lock()
    defer { lock.unlock() }
    return try knownFreeSpaces(node).end
  }

  /// What is known of free spaces; the table is read for it the first time.
  func knownFreeSpaces(_ node: Node) throws(BlockError) -> FreeSpaces {
    if let freeSpaces { return freeSpaces }
    let free = FreeSpaces(end: try endOfUse(node))
    freeSpaces = free
    return free
  }

  /// Notes spaces that nothing came to point to.
  private func giveBack(_ spaces: Range<UInt64>) {
    guard var free = freeSpaces else { return }
    if spaces.upperBound == free.end {
      free.end = spaces.lowerBound
    } else {
      free.reusable += spaces.prefix(max(0, BlockTable.rememberedSpaces - free.reusable.count))
    }
    freeSpaces = free
  }

  /// The space behind the last one that an entry in the file points to; entries in memory are written first.
  private func endOfUse(_ node: Node) throws(BlockError) -> UInt64 {
    try writeEntries(node)
    var end: UInt64 = 0
    try scan(node) { (block, value) throws(BlockError) in
      guard case .data(let offset) = try self.entry(value, of: block),
        let space = self.layout.space(of: offset)
      else { return }
      end = max(end, space + 1)
    }
    return end
  }

  /// Some spaces that neither an entry nor a write under way points to.
  func unusedSpaces(before end: UInt64, _ node: Node) throws(BlockError) -> [UInt64] {
    try writeEntries(node)
    var found: [UInt64] = []
    var window = SpaceWindow(of: end)
    while found.count < BlockTable.rememberedSpaces, window.advance() {
      try scan(node) { (block, value) throws(BlockError) in
        if case .data(let offset) = try self.entry(value, of: block),
          let space = self.layout.space(of: offset)
        {
          _ = window.insert(space)
        }
      }
      for write in pending {
        if let space = write.space {
          for space in space..<space + UInt64(write.blocks.count) { _ = window.insert(space) }
        }
      }
      for space in dropped { _ = window.insert(space) }
      window.forEachAbsent { space in
        found.append(space)
        return found.count < BlockTable.rememberedSpaces
      }
    }
    return found
  }

  /// Calls `body` with each entry of the blocks that the guest's disk has or is about to have, as it stands in the file.
  func scan(_ node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void) throws(BlockError) {
    let file = try BlockTable.file(of: node)
    let width = UInt64(coding.width)
    let buffer = Buffer(count: 1 << 20)
    let perRun = UInt64(buffer.count) / width
    let end = max(layout.blockCount, madeBlocks)
    var block: UInt64 = 0
    while block < end {
      let count = min(perRun, end - block)
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<Int(count * width))
      try file.read(at: layout.tableOffset + block * width, into: &part)
      for index in 0..<count {
        try body(block + index, BlockTable.value(buffer.bytes, at: Int(index * width), coding))
      }
      block += count
    }
  }
}
