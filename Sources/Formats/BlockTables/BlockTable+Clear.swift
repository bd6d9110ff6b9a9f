// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// Making blocks read as zero, and giving their spaces back.
extension BlockTable {
  /// Zeros the whole blocks of a range; the last one of the disk may be cut short by its length.
  ///
  /// With `keepingSpace`, what is stored stays stored. False where the format has nothing to say for it.
  package func clear(_ range: Range<UInt64>, keepingSpace: Bool, of node: Node) throws(BlockError) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    let hides = node.backing != nil || node.flags.contains(.storesZeroes)
    let hasZero = coding.value(of: .zero) != nil
    if hides && !hasZero { return false }
    let blocks = range.lowerBound / layout.blockSize..<(range.upperBound - 1) / layout.blockSize + 1
    for block in blocks {
      while claims.free(block..<block + 1, shared: false).isEmpty { lock.wait() }
      if dropped.count >= BlockTable.rememberedSpaces { try writeOut(node) }
      switch try entry(value(place(of: block, releasing: false, node)), of: block) {
      case .zero: break
      case .hole:
        if hides { try set(.zero, of: block, node) }
      case .data(let offset):
        guard !keepingSpace, !layout.spacesStay, let space = layout.space(of: offset) else {
          try zeroInPlace(block, offset, mayUnmap: !keepingSpace, node)
          continue
        }
        try set(hasZero ? .zero : .hole, of: block, node)
        dropped.append(space)
      }
    }
    return true
  }

  /// Zeros what is stored where it is; others run meanwhile, and none of them moves it.
  private func zeroInPlace(_ block: UInt64, _ offset: UInt64, mayUnmap: Bool, _ node: Node) throws(BlockError)
  {
    let claim = claims.claim(block..<block + 1, shared: false)
    let length = layout.blockSize
    lock.unlock()
    defer {
      lock.lock()
      claims.release(claim)
      lock.notifyAll()
    }
    try BlockTable.file(of: node).writeZeroes(at: offset, length: length, mayUnmap: mayUnmap)
  }
}
