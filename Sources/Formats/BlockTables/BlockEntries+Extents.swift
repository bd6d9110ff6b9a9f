// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// What entries say of ranges of the guest's disk.
extension BlockEntries {
  /// The extent at the start of a range: as far as the table says the same of it.
  func extent(at offset: UInt64, length: UInt64, _ held: borrowing Held) throws(BlockError) -> Extent {
    let first = offset / layout.blockSize
    let inside = offset % layout.blockSize
    while true {
      let place = try place(of: first, releasing: true, mayPassHoles: true, held)
      let entry = try entry(of: first, at: place, held)
      if case .partial(let at) = entry {
        let sectors = try sectorsAlike(in: first, at: at, inside, held)
        guard let sectors else { continue }
        let known = min(length, min(sectors.end, layout.blockSize) - inside)
        return sectors.areStored
          ? Extent(.data, length: known, location: Extent.Location(.file, at + inside))
          : Extent(.unallocated, length: known)
      }
      let end = alike(entry, place, first..<(offset + length - 1) / layout.blockSize + 1, held)
      let known = min((end - first) * layout.blockSize - inside, length)
      switch entry {
      case .zero: return Extent(.zero, length: known)
      case .data(let at): return Extent(.data, length: known, location: Extent.Location(.file, at + inside))
      case .compressed: return Extent(.data, length: known, encoding: .compressed)
      case .hole, .partial: return Extent(.unallocated, length: known)
      }
    }
  }

  /// The end of the run of blocks that are like the first of `blocks`, or are stored right behind each other.
  private func alike(_ entry: BlockEntry, _ place: Place, _ blocks: Range<UInt64>, _ held: borrowing Held)
    -> UInt64
  {
    let first = blocks.lowerBound
    let end = min(blocks.upperBound, first + place.remaining)
    guard place.slice != nil else { return end }
    if entry == .hole || entry == .zero { return sameBlocks(as: place, blocks, held) }
    let isCompressed = if case .compressed = entry { true } else { false }
    var block = first + 1
    while block < min(end, first + BlockEntries.blocksPerAnswer) {
      let next = value(place, plus: block - first, held)
      if isCompressed, case .compressed? = checked(next, of: .block(block), held) {
        block += 1
        continue
      }
      guard follows(entry, by: block - first, next, held) else { break }
      block += 1
    }
    return block
  }

  /// The end of the run of blocks whose entries are those of the first, as far as they are in the slice; entries of bitmaps
  /// between them are passed over.
  private func sameBlocks(as place: Place, _ blocks: Range<UInt64>, _ held: borrowing Held) -> UInt64 {
    var (place, block) = (place, blocks.lowerBound)
    let value = value(place, held)
    while true {
      let count = min(place.remaining, blocks.upperBound - block)
      block += sameInMemory(from: place, of: count, coding, held)
      guard place.remaining == count, block < blocks.upperBound,
        block - blocks.lowerBound < BlockEntries.blocksPerAnswer,
        let next = self.place(of: block, near: place, held), self.value(next, held) == value
      else { return block }
      place = next
    }
  }

  /// Whether a value points right behind what an entry `step` blocks before points to.
  func follows(_ entry: BlockEntry, by step: UInt64, _ value: UInt64, _ held: borrowing Held) -> Bool {
    guard layout.lead == 0, case .data(let first) = entry,
      case .data(let next)? = checked(value, of: .block(0), held)
    else { return false }
    return next == first + step * layout.blockSize
  }
}
