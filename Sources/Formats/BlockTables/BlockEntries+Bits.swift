// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The bits that say which sectors of a block are stored, and which are as in a hole.
extension BlockEntries {
  /// Whether the sector at an offset in a block stored in part is there, and up to which offset others are like it; nil
  /// where the bits had to be read, during which everything may have changed.
  func sectorsAlike(in block: UInt64, at place: UInt64, _ inside: UInt64, _ held: borrowing Held)
    throws(BlockError)
    -> (areStored: Bool, end: UInt64)?
  {
    guard let bitmap = layout.bitmap, let bits = try bits(of: block, at: place, held) else {
      return (false, layout.blockSize)
    }
    let first = bits.first + Int(inside / bitmap.sectorSize)
    let perSlice = bitmaps.sliceBytes * 8
    let start = bits.offset + UInt64(first / perSlice * bitmaps.sliceBytes)
    let isKnown = bitmaps.cached(at: start, held) != nil
    let slice = try slice(at: start, in: bitmaps, releasing: true, held)
    guard isKnown else { return nil }
    let end = min(perSlice, bits.first + layout.sectorsPerBlock - first / perSlice * perSlice)
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

  /// The file offset of the bitmap with a block's bits, and the number of the block's first bit; nil without a bitmap.
  private func bits(of block: UInt64, at place: UInt64, _ held: borrowing Held) throws(BlockError) -> (
    offset: UInt64, first: Int
  )? {
    guard let every = layout.bitmapGroup else { return (place - layout.lead, 0) }
    let entry = try entry(of: .bitmap(block / every), at: bitmapPlace(of: block / every, held), held)
    guard let offset = entry.place else { return nil }
    return (offset, Int(block % every) * layout.sectorsPerBlock)
  }

  /// Notes that sectors of a block at this place are stored, or that they are not.
  func mark(
    _ sectors: Range<UInt64>, of block: UInt64, at place: UInt64, areStored: Bool = true,
    _ held: borrowing Held
  ) throws(BlockError) {
    guard let bitmap = layout.bitmap, let bits = try bits(of: block, at: place, held) else { return }
    let perSlice = bitmaps.sliceBytes * 8
    var bit = bits.first + Int(sectors.lowerBound)
    let end = bits.first + Int(sectors.upperBound)
    while bit < end {
      let part = bit..<min(end, (bit / perSlice + 1) * perSlice)
      let start = bits.offset + UInt64(bit / perSlice * bitmaps.sliceBytes)
      let slice = try slice(at: start, in: bitmaps, releasing: false, held)
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
        bitmaps.markDirty(
          slice, part.lowerBound % perSlice / 8..<(part.upperBound - 1) % perSlice / 8 + 1, held)
      }
      bit = part.upperBound
    }
  }
}

extension SectorBitmap {
  /// The bit of its byte that stands for a sector.
  func mask(_ sector: Int) -> UInt8 { isMostSignificantFirst ? 0x80 >> (sector % 8) : 1 << (sector % 8) }
}
