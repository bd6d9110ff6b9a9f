// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Compressed blocks, which stand right behind each other at the end of the file.
extension BlockTable {
  /// Finds room for compressed blocks, in order, as the driver contract has it.
  package func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError)
    -> CompressedSlot
  {
    lock.lock()
    defer { lock.unlock() }
    var slot = CompressedSlot(pieces: [], allocation: claims.open())
    var packed: [(block: UInt64, place: Range<UInt64>)] = []
    var bytes = 0
    do throws(BlockError) {
      for cluster in clusters {
        let block = cluster.guestOffset / layout.blockSize
        try claim(block, for: slot.allocation, node)
        let place = try takeBytes(UInt64(cluster.size), node)
        packed.append((block, place))
        guard coding.value(of: .compressed(at: place.lowerBound, length: UInt64(place.count))) != nil else {
          throw BlockError(.tooLarge, "the image has no place for another block")
        }
        let location = Extent.Location(.file, place.lowerBound)
        slot.pieces.append(CompressedPiece(bytes: bytes..<bytes + cluster.size, location: location))
        bytes += cluster.size
      }
    } catch {
      claims.release(slot.allocation)
      lock.notifyAll()
      throw error
    }
    pending.append(Pending(claim: slot.allocation, blocks: 0..<0, unit: nil, sectors: nil, packed: packed))
    return slot
  }

  /// Enters the blocks of a slot; if not `written`, their room is lost until a repair.
  package func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    try end(slot.allocation) { (write) throws(BlockError) in
      guard written else { return }
      for (block, place) in write.packed {
        let old = try entry(value(self.place(of: block, releasing: false, node)), of: block)
        try set(.compressed(at: place.lowerBound, length: UInt64(place.count)), of: block, node)
        try giveUp(old, of: block, node)
      }
    }
  }

  /// Waits until nobody else writes to a block, claims it, and sees to it that there is a table for it.
  private func claim(_ block: UInt64, for claim: UInt64, _ node: Node) throws(BlockError) {
    while claims.free(block..<block + 1, shared: false).isEmpty { lock.wait() }
    claims.add(block..<block + 1, to: claim)
    if try place(of: block, releasing: false, node).slice == nil { try makeTable(of: block, node) }
  }

  /// Takes so many bytes: behind the last compressed block where nothing else has come there since.
  private func takeBytes(_ count: UInt64, _ node: Node) throws(BlockError) -> Range<UInt64> {
    if dropped.count >= BlockTable.rememberedPlaces { try writeOut(node) }
    var free = try knownFreeUnits(node)
    let goesOn = layout.units(of: 0..<free.packedEnd).upperBound == free.end
    let start = goesOn ? free.packedEnd : layout.offset(ofUnit: free.end)
    let place = start..<start + count
    let end = layout.units(of: place).upperBound
    guard end <= layout.unitLimit else {
      throw BlockError(.noSpace, "every block that the image can have is in use")
    }
    free.end = end
    free.packedEnd = place.upperBound
    freeUnits = free
    return place
  }
}

extension BlockTable {
  /// Calls `body` with the guest offset and the file offset of each compressed block, in the disk's order; entries that make
  /// no sense are passed over. No other request runs meanwhile.
  package func forEachCompressed(
    of node: Node, _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let blockSize = layout.blockSize
    try scan(node) { (item, value) throws(BlockError) in
      guard case .block(let block) = item, case .compressed(let place, _)? = self.checked(value, of: item)
      else { return }
      try body(block * blockSize, place)
    }
  }
}
