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
          held.node.note(.clusterAlloc, to: held.node.file)
          let place = try space.takeBytes(UInt64(cluster.size), held)
          packed.append((block, place))
          guard
            entries.coding.value(of: .compressed(at: place.lowerBound, length: UInt64(place.count))) != nil
          else {
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
        let old = try entries.entry(of: block, held)
        try set(.compressed(at: place.lowerBound, length: UInt64(place.count)), of: block, held)
        try space.giveUp(old, of: block, held)
      }
    }
  }

  /// Waits until nobody else writes to a block, claims it, and sees to it that there is a table for it.
  private func claim(_ block: UInt64, for claim: UInt64, _ held: borrowing Held) throws(BlockError) {
    writes.add(block, to: claim, held)
    if try entries.place(of: block, releasing: false, held).slice == nil { try makeTable(of: block, held) }
  }
}
