// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// Compressed blocks, which stand right behind each other at the end of the file.
extension BlockTable {
  /// Finds room for compressed blocks, in order, as the driver contract has it.
  package func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError)
    -> CompressedSlot
  {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      var slot = CompressedSlot(pieces: [], allocation: writes.open(held))
      var packed: [(block: UInt64, place: Range<UInt64>)] = []
      var bytes = 0
      do throws(BlockError) {
        for cluster in clusters {
          let block = cluster.guestOffset / layout.blockSize
          try claim(block, for: slot.allocation, held)
          let place = try takeBytes(UInt64(cluster.size), held)
          packed.append((block, place))
          guard coding.value(of: .compressed(at: place.lowerBound, length: UInt64(place.count))) != nil else {
            throw BlockError(.tooLarge, "the image has no place for another block")
          }
          let location = Extent.Location(.file, place.lowerBound)
          slot.pieces.append(CompressedPiece(bytes: bytes..<bytes + cluster.size, location: location))
          bytes += cluster.size
        }
      } catch {
        writes.release(slot.allocation, held)
        throw error
      }
      writes.begin(packed, as: slot.allocation, held)
      return slot
    }
  }

  /// Enters the blocks of a slot; if not `written`, their room is lost until a repair.
  package func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard let write = writes.end(slot.allocation, held) else { return }
      defer { writes.release(write.claim, held) }
      guard written else { return }
      for (block, place) in write.packed {
        let old = try entry(of: block, held)
        try set(.compressed(at: place.lowerBound, length: UInt64(place.count)), of: block, held)
        try giveUp(old, of: block, held)
      }
    }
  }

  /// Waits until nobody else writes to a block, claims it, and sees to it that there is a table for it.
  private func claim(_ block: UInt64, for claim: UInt64, _ held: borrowing Held) throws(BlockError) {
    writes.add(block, to: claim, held)
    if try place(of: block, releasing: false, held).slice == nil { try makeTable(of: block, held) }
  }

  /// Takes so many bytes: behind the last compressed block where nothing else has come there since.
  private func takeBytes(_ count: UInt64, _ held: borrowing Held) throws(BlockError) -> Range<UInt64> {
    if space.hasManyDropped { try writeOut(held) }
    _ = try knownEnd(held)
    guard let place = space.takeBytes(count, layout) else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    return place
  }
}

extension BlockTable {
  /// Calls `body` with the guest offset and the file offset of each compressed block, in the disk's order; entries that make
  /// no sense are passed over. No other request changes them meanwhile: `body` runs without the lock.
  package func forEachCompressed(
    of node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      let blockSize = layout.blockSize
      try scan(held) { (item, value) throws(BlockError) in
        guard case .block(let block) = item,
          case .compressed(let place, _)? = self.checked(value, of: item, held)
        else { return }
        try held.released { () throws(BlockError) in try body(block * blockSize, place) }
      }
    }
  }
}
