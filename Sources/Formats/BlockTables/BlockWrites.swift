// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A write in progress, whose blocks are entered when its data is there.
struct BlockWrite {
  let blocks: Range<UInt64>
  /// The first of the units taken for it; nil where it goes to the blocks' own.
  var unit: UInt64?
  /// The block's sectors that are written, where it is stored in part.
  var sectors: Range<UInt64>?
  /// The places of compressed blocks, in bytes of the file.
  var packed: [(block: UInt64, place: Range<UInt64>)] = []
  /// The number of its claim.
  fileprivate(set) var claim: UInt64 = 0

  /// A write to blocks in a row.
  init(_ blocks: Range<UInt64>, unit: UInt64? = nil, sectors: Range<UInt64>? = nil) {
    self.blocks = blocks
    self.unit = unit
    self.sectors = sectors
  }
}

/// The writes in progress, and the blocks that they have claimed until their data is there.
///
/// Writes to places that blocks have already share them with each other.
final class BlockWrites {
  private var claims = WriteClaims()
  private var writes: [BlockWrite] = []

  // MARK: Claiming

  /// Claims the blocks of a write; the number of the claim, for the write's slot.
  func begin(_ write: BlockWrite, shared isShared: Bool, _ held: borrowing Held) -> UInt64 {
    var write = write
    write.claim = claims.claim(write.blocks, shared: isShared)
    writes.append(write)
    return write.claim
  }

  /// Claims a block for a change that is no write.
  func claim(_ block: UInt64, _ held: borrowing Held) -> UInt64 {
    claims.claim(block..<block + 1, shared: false)
  }

  /// A claim without blocks, to which compressed ones are added.
  func open(_ held: borrowing Held) -> UInt64 { claims.open() }

  /// Adds a block to a claim, once nobody else writes to it.
  func add(_ block: UInt64, to claim: UInt64, _ held: borrowing Held) {
    wait(for: block, held)
    claims.add(block..<block + 1, to: claim)
  }

  /// Begins the write of the compressed blocks of a claim.
  func begin(_ packed: [(block: UInt64, place: Range<UInt64>)], as claim: UInt64, _ held: borrowing Held) {
    var write = BlockWrite(0..<0)
    write.packed = packed
    write.claim = claim
    writes.append(write)
  }

  /// The write that has a claim, which is in progress no more; its blocks stay claimed until that is released.
  func end(_ claim: UInt64?, _ held: borrowing Held) -> BlockWrite? {
    writes.firstIndex { $0.claim == claim }.map { writes.remove(at: $0) }
  }

  /// Gives a claim back. Waiting requests look again, whether the write succeeded or not.
  func release(_ claim: UInt64, _ held: borrowing Held) {
    claims.release(claim)
    held.notifyAll()
  }

  // MARK: Waiting

  /// The writes whose blocks have yet to be entered.
  func all(_ held: borrowing Held) -> [BlockWrite] { writes }

  /// The start of a range that can be claimed; empty where its first block cannot.
  func free(_ blocks: Range<UInt64>, shared isShared: Bool, _ held: borrowing Held) -> Range<UInt64> {
    claims.free(blocks, shared: isShared)
  }

  /// Waits until nobody has claimed a block.
  func wait(for block: UInt64, _ held: borrowing Held) {
    while claims.free(block..<block + 1, shared: false).isEmpty { held.wait() }
  }

  /// Waits until no write is in progress.
  func waitForAll(_ held: borrowing Held) {
    while !writes.isEmpty { held.wait() }
  }
}
