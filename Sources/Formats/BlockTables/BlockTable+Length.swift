// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Changing the guest's length. `header` stands for the one write after which the file has the new length.
extension BlockTable {
  /// Sets the guest's length; the table must have room for the blocks that it makes.
  ///
  /// New blocks read as zero; with a preallocation other than off, or where spaces are fixed, they have spaces.
  package func resize(
    to length: UInt64, preallocation: Preallocation, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    var next = layout
    next.length = length
    next.spaceLimit = max(next.spaceLimit, next.blockCount)
    precondition(next.blockCount <= layout.capacity, "block table without room")
    let old = layout
    guard length < old.length else { return try grow(to: next, preallocation, node, header) }
    try writeOut(node)
    try header(next)
    // What the table still says behind the end means nothing from here on.
    layout = next
    for block in next.blockCount..<old.blockCount {
      if case .data(let offset)? = BlockTable.checked(
        value(try place(of: block, releasing: false, node)), old, coding), let space = old.space(of: offset)
      {
        dropped.append(space)
      }
      try set(.hole, of: block, node)
      if dropped.count >= BlockTable.rememberedSpaces { try writeOut(node) }
    }
    try zeroTail(of: length, node)
    try writeOut(node)
    _ = try compact(node)
  }

  /// Makes entries for new blocks, then the disk that has them; undone where that fails.
  private func grow(
    to next: BlockTableLayout, _ preallocation: Preallocation, _ node: Node,
    _ header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    let old = layout
    let file = try BlockTable.file(of: node)
    let oldFileLength = file.length
    try zeroTail(of: old.length, node)
    do throws(BlockError) {
      let blocks = old.blockCount..<next.blockCount
      for block in blocks { try set(.hole, of: block, node) }
      layout.spaceLimit = next.spaceLimit
      madeBlocks = next.blockCount
      if layout.isFixed || preallocation != .off { try fill(blocks, preallocation, node) }
      try writeOut(node)
      try header(next)
      layout = next
      madeBlocks = 0
    } catch {
      layout = old
      madeBlocks = 0
      freeSpaces = nil
      // Whoever failed has an error to report already.
      try? file.truncate(to: oldFileLength, exact: false, preallocation: .off)
      throw error
    }
  }

  /// Lets what is stored behind the end of the last block read as zero, so that it is when the disk grows.
  private func zeroTail(of length: UInt64, _ node: Node) throws(BlockError) {
    let inside = length % layout.blockSize
    guard inside > 0 else { return }
    let block = length / layout.blockSize
    guard case .data(let offset) = try entry(value(place(of: block, releasing: false, node)), of: block)
    else {
      return
    }
    try BlockTable.file(of: node).writeZeroes(
      at: offset + inside, length: layout.blockSize - inside, mayUnmap: true)
  }

  /// Gives new blocks spaces that read as zero.
  private func fill(_ blocks: Range<UInt64>, _ preallocation: Preallocation, _ node: Node) throws(BlockError)
  {
    var block = blocks.lowerBound
    while block < blocks.upperBound {
      let spaces = try takeSpaces(blocks.upperBound - block, node)
      try makeBlank(spaces, isWhole: false, preallocation: preallocation, node)
      for space in spaces {
        try set(.data(layout.offset(ofSpace: space) + layout.lead), of: block, node)
        block += 1
      }
    }
  }

  // MARK: A table elsewhere

  /// Moves the table into the first `count` spaces, after what they held has got others.
  ///
  /// `next` says where the table and the spaces are afterwards, `coding` how its entries are spelled there, and
  /// `header` makes it so in the file with one write.
  package func moveTable(
    toFirst count: UInt64, _ next: BlockTableLayout, _ coding: any BlockEntryCoding, of node: Node,
    header: (BlockTableLayout) throws(BlockError) -> Void
  ) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try writeOut(node)
    var free = try knownFreeSpaces(node)
    free.end = max(free.end, count)
    free.reusable = []
    freeSpaces = free
    let limit = layout.spaceLimit
    layout.spaceLimit = .max >> 1
    defer { layout.spaceLimit = min(layout.spaceLimit, max(limit, next.spaceLimit)) }
    var moving: [(block: UInt64, offset: UInt64)] = []
    try scan(node) { (block, value) throws(BlockError) in
      guard case .data(let offset) = try self.entry(value, of: block),
        let space = self.layout.space(of: offset),
        space < count
      else { return }
      guard UInt64(moving.count) < count else {
        throw BlockError(.corrupt, "blocks share their spaces", advice: "'check -r all' gives each its own.")
      }
      moving.append((block, offset))
    }
    for (block, offset) in moving { try copy(block, from: offset, node) }
    try writeOut(node)
    try writeTable(next, coding, node)
    try header(next)
    use(next, coding)
  }

  /// Gives a block a space of its own with a copy of what stands at `offset`.
  func copy(_ block: UInt64, from offset: UInt64, to space: UInt64? = nil, _ node: Node) throws(BlockError) {
    let file = try BlockTable.file(of: node)
    var taken = space
    if taken == nil { taken = try takeSpaces(1, node).lowerBound }
    guard let taken else { return }
    let target = layout.offset(ofSpace: taken)
    let source = offset - layout.lead
    let piece = Buffer(count: Int(min(layout.stride, 1 << 20)))
    var done: UInt64 = 0
    while done < layout.stride {
      let count = Int(min(UInt64(piece.count), layout.stride - done))
      var bytes = piece.mutableBytes
      var part = bytes.slice(0..<count)
      try file.read(at: source + done, into: &part)
      try file.write(at: target + done, from: piece.bytes.slice(0..<count))
      done += UInt64(count)
    }
    try set(.data(target + layout.lead), of: block, node)
  }

  /// Writes the whole table to another place; entries behind the last block are holes.
  private func writeTable(_ next: BlockTableLayout, _ spelling: any BlockEntryCoding, _ node: Node)
    throws(BlockError)
  {
    let file = try BlockTable.file(of: node)
    let width = spelling.width
    let buffer = Buffer(count: 1 << 20)
    let perRun = UInt64(buffer.count / width)
    guard let hole = spelling.value(of: .hole) else {
      throw BlockError(.unsupported, "the block map has no holes")
    }
    var filled = 0
    var written: UInt64 = 0
    func write() throws(BlockError) {
      try file.write(
        at: next.tableOffset + written * UInt64(width), from: buffer.bytes.slice(0..<filled * width))
      written += UInt64(filled)
      filled = 0
    }
    try scan(node) { (block, value) throws(BlockError) in
      let entry = try self.entry(value, of: block)
      guard let moved = spelling.value(of: entry) else {
        throw BlockError(.tooLarge, "the block map cannot say where block \(block) is")
      }
      var bytes = buffer.mutableBytes
      BlockTable.store(moved, in: &bytes, at: filled * width, spelling)
      filled += 1
      if UInt64(filled) == perRun { try write() }
    }
    while written + UInt64(filled) < next.capacity {
      var bytes = buffer.mutableBytes
      BlockTable.store(hole, in: &bytes, at: filled * width, spelling)
      filled += 1
      if UInt64(filled) == perRun { try write() }
    }
    if filled > 0 { try write() }
    try file.flush()
  }
}
