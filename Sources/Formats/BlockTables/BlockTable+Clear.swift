// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Making blocks read as zero, and giving their space back.
extension BlockTable {
  /// Zeros the whole blocks of a range; the last one of the disk may be cut short by its length.
  ///
  /// With `keepingSpace`, stored blocks stay stored. False where the format has nothing to say for it.
  package func clear(_ range: Range<UInt64>, keepingSpace: Bool, of node: Node) throws(BlockError) -> Bool {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let hides = held.node.backing != nil || held.node.flags.contains(.storesZeroes)
      let hasZero = entries.coding.value(of: .zero) != nil
      if hides && !hasZero { return false }
      _ = try entries.knownTablePlaces(held)
      var block = range.lowerBound / layout.blockSize
      let end = (range.upperBound - 1) / layout.blockSize + 1
      while block < end {
        writes.wait(for: block, held)
        try space.settleMany(held)
        let place = try entries.place(of: block, releasing: false, held)
        if place.slice == nil, !hides {
          block += min(end - block, place.remaining)
          continue
        }
        let entry = try entries.entry(of: block, at: place, held)
        if let at = entry.place, keepingSpace || layout.placesStay {
          try entries.requireApart(entry, of: block, held)
          try zeroInPlace(block, entry, at, mayUnmap: !keepingSpace, held)
        } else if entry != .zero, entry != .hole || hides {
          try set(hasZero ? .zero : .hole, of: block, held)
          try space.giveUp(entry, of: block, held)
        }
        block += 1
      }
      return true
    }
  }

  /// Zeros what is stored where it is; others run meanwhile, and none of them moves it.
  private func zeroInPlace(
    _ block: UInt64, _ entry: BlockEntry, _ offset: UInt64, mayUnmap: Bool, _ held: borrowing Held
  ) throws(BlockError) {
    let claim = writes.claim(block, held)
    defer { writes.release(claim, held) }
    let length = layout.blockSize
    let file = try held.node.child(in: .file)
    try held.released { () throws(BlockError) in
      try file.writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
    }
    guard case .partial = entry else { return }
    try makeBits(of: block, held)
    try entries.mark(layout.allSectors, of: block, at: offset, held)
  }

  /// Lets the entries behind the disk's last block be holes, up to `count` entries of all. What they point to may be
  /// something else by now: it stays as it is.
  package func clearBehindEnd(upTo count: UInt64, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try LengthChange(table: self).clearBehindEnd(upTo: count, held)
      try space.writeOut(held)
    }
  }

  /// Lets the block at a guest offset have no place.
  package func dropBlock(at offset: UInt64, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try set(.hole, of: offset / layout.blockSize, held)
      try space.writeOut(held)
    }
  }

  /// Lets no block be stored, so that the backing file shows through everywhere; the file has what is reserved.
  package func makeEmpty(_ node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      writes.waitForAll(held)
      try space.writeOut(held)
      // Bitmaps go after the blocks whose bits they have; with a directory, everything goes with the tables.
      for areBlocks in [true, false] where layout.directory == nil || !areBlocks {
        var items: [BlockTableItem] = []
        repeat {
          items = try storedItems(areBlocks: areBlocks, held)
          for item in items { try set(.hole, of: item, held) }
          try space.writeOut(held)
        } while !items.isEmpty
      }
      entries.forget(held)
      let end = layout.endOfReserved
      try space.cutFile(to: layout.offset(ofUnit: end), held)
      space.begin(at: end, held)
    }
  }

  /// Some blocks that are not holes, or some bitmaps or tables that there are.
  private func storedItems(areBlocks: Bool, _ held: borrowing Held) throws(BlockError) -> [BlockTableItem] {
    var items: [BlockTableItem] = []
    func note(_ item: BlockTableItem, _ value: UInt64) {
      let isBlock = if case .block = item { true } else { false }
      let hole = (item.isTable ? layout.directory?.coding : entries.coding)?.value(of: .hole)
      if isBlock == areBlocks, value != hole, items.count < BlockTable.rememberedPlaces { items.append(item) }
    }
    if layout.directory != nil {
      try entries.scanDirectory(held) { (item, value) throws(BlockError) in note(item, value) }
    } else {
      try entries.scan(passing: .holes, held) { (item, value) throws(BlockError) in note(item, value) }
    }
    return items
  }
}
