// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// The bits that say which sectors of a block are stored, and which are as in a hole.
extension BlockTable {
  /// Whether the sector at an offset in a block stored in part is there, and up to which offset others are like it; nil
  /// where the bits had to be read, during which everything may have changed.
  func sectorsAlike(in block: UInt64, at place: UInt64, _ inside: UInt64, _ node: Node) throws(BlockError)
    -> (areStored: Bool, end: UInt64)?
  {
    guard let bitmap = layout.bitmap, let bits = try bits(of: block, at: place, node) else {
      return (false, layout.blockSize)
    }
    let first = bits.first + Int(inside / bitmap.sectorSize)
    let perSlice = bitmaps.sliceBytes * 8
    let start = bits.offset + UInt64(first / perSlice * bitmaps.sliceBytes)
    let isKnown = bitmaps.cached(at: start) != nil
    let slice = try slice(at: start, in: bitmaps, releasing: true, node)
    guard isKnown else { return nil }
    let end = min(perSlice, bits.first + sectorsPerBlock - first / perSlice * perSlice)
    let buffer = slice.buffer
    let bytes = buffer.bytes
    let areStored = bytes.byte(at: first % perSlice / 8) & bitmap.mask(first) != 0
    let same: UInt8 = areStored ? 0xff : 0
    var bit = first % perSlice + 1
    while bit < end {
      let byte = bytes.byte(at: bit / 8)
      if byte == same {
        bit = min(end, (bit / 8 + 1) * 8)
      } else if (byte & bitmap.mask(bit) != 0) == areStored {
        bit += 1
      } else {
        break
      }
    }
    let sectors = first / perSlice * perSlice + bit - bits.first
    return (areStored, UInt64(sectors) * bitmap.sectorSize)
  }

  /// Sectors of a block; the last may be cut short by its length.
  private var sectorsPerBlock: Int {
    Int(layout.blockSize.dividedUp(by: layout.bitmap?.sectorSize ?? 512))
  }

  /// All sectors of a block.
  var allSectors: Range<UInt64> { 0..<UInt64(sectorsPerBlock) }

  /// The sectors that a range of a block's bytes lies in.
  func sectors(of range: Range<UInt64>) -> Range<UInt64> {
    let size = layout.bitmap?.sectorSize ?? 512
    return range.lowerBound / size..<range.upperBound.dividedUp(by: size)
  }

  /// The file offset of the bitmap with a block's bits, and the number of the block's first bit; nil without a bitmap.
  private func bits(of block: UInt64, at place: UInt64, _ node: Node) throws(BlockError) -> (
    offset: UInt64, first: Int
  )? {
    guard let every = layout.bitmapGroup else { return (place - layout.lead, 0) }
    let entry = try entry(value(bitmapPlace(of: block / every, node)), of: .bitmap(block / every))
    guard let offset = entry.place else { return nil }
    return (offset, Int(block % every) * sectorsPerBlock)
  }

  /// Lets a block that is stored in part have bits: makes the bitmap of its group where that is not there.
  func makeBits(of block: UInt64, _ node: Node) throws(BlockError) {
    guard let every = layout.bitmapGroup else { return }
    let group = BlockTableItem.bitmap(block / every)
    guard try entry(value(bitmapPlace(of: block / every, node)), of: group).place == nil else { return }
    let units = try takeUnits(for: group, node)
    try set(.data(layout.offset(ofUnit: units.lowerBound)), of: group, node)
  }

  /// Notes that sectors of a block at this place are stored, or that they are not.
  func mark(
    _ sectors: Range<UInt64>, of block: UInt64, at place: UInt64, areStored: Bool = true, _ node: Node
  ) throws(BlockError) {
    guard let bitmap = layout.bitmap, let bits = try bits(of: block, at: place, node) else { return }
    let perSlice = bitmaps.sliceBytes * 8
    var bit = bits.first + Int(sectors.lowerBound)
    let end = bits.first + Int(sectors.upperBound)
    while bit < end {
      let part = bit..<min(end, (bit / perSlice + 1) * perSlice)
      let start = bits.offset + UInt64(bit / perSlice * bitmaps.sliceBytes)
      let slice = try slice(at: start, in: bitmaps, releasing: false, node)
      let buffer = slice.buffer
      var bytes = buffer.mutableBytes
      var isChanged = false
      for bit in part {
        let index = bit % perSlice / 8
        let old = buffer.bytes.byte(at: index)
        let new = areStored ? old | bitmap.mask(bit) : old & ~bitmap.mask(bit)
        guard new != old else { continue }
        bytes.store(new, at: index)
        isChanged = true
      }
      if isChanged {
        bitmaps.markDirty(slice, part.lowerBound % perSlice / 8..<(part.upperBound - 1) % perSlice / 8 + 1)
      }
      bit = part.upperBound
    }
  }
}

extension BlockTable {
  /// Lets the bits of each stored block name all of its sectors: those that they did not name read as zero from then on.
  /// Where the bits are advisory, content stays as it is.
  package func nameAllSectors(of node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try forEachPlaced(node) { (block, entry, at) throws(BlockError) in
      if entry.isPartial { try self.zeroUnnamed(block, at: at, node) }
      try self.mark(self.allSectors, of: block, at: at, node)
    }
    try writeOut(node)
  }

  /// Calls `body` with each block that has a place, its entry and the place, once no write is under way.
  private func forEachPlaced(_ node: Node, _ body: (UInt64, BlockEntry, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    while !pending.isEmpty { lock.wait() }
    var block: UInt64 = 0
    while block < layout.blockCount {
      let place = try place(of: block, releasing: false, node)
      let entry = try entry(value(place), of: block)
      if let at = entry.place { try body(block, entry, at) }
      block += place.slice == nil ? place.remaining : 1
    }
  }

  /// Lets each block that is stored in part be stored as a whole, and no bitmaps stand apart: sectors that were not named
  /// read as zero from then on.
  package func storeWhole(_ node: Node) throws(BlockError) {
    lock.lock()
    defer { lock.unlock() }
    try forEachPlaced(node) { (block, entry, at) throws(BlockError) in
      guard entry.isPartial else { return }
      try self.zeroUnnamed(block, at: at, node)
      try self.set(.data(at), of: block, node)
    }
    try writeOut(node)
    guard let every = layout.bitmapGroup else { return }
    for group in 0..<layout.blockCount.dividedUp(by: every)
    where entryIndex(of: .bitmap(group)) < layout.capacity {
      try set(.hole, of: .bitmap(group), node)
    }
    _ = try compact(node)
  }

  private func zeroUnnamed(_ block: UInt64, at place: UInt64, _ node: Node) throws(BlockError) {
    var inside: UInt64 = 0
    while inside < layout.blockSize {
      guard let sectors = try sectorsAlike(in: block, at: place, inside, node) else { continue }
      let end = min(sectors.end, layout.blockSize)
      if !sectors.areStored {
        try node.child(in: .file).writeZeroes(at: place + inside, length: end - inside, mayUnmap: true)
      }
      inside = end
    }
  }
}

extension SectorBitmap {
  /// The bit of its byte that stands for a sector.
  func mask(_ sector: Int) -> UInt8 { isMostSignificantFirst ? 0x80 >> (sector % 8) : 1 << (sector % 8) }
}
