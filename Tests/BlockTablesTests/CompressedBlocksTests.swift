// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockTables
import Bytes
import Errors
import Host
import Testing

/// Blocks that are decoded as a whole and read in parts.
@Suite struct CompressedBlocksTests {
  /// Blocks whose bytes are all their number, and how often each was decoded.
  private final class Blocks: @unchecked Sendable {
    let blocks: CompressedBlocks<Int>
    private let lock = ConditionLock()
    private var counts: [UInt64: Int] = [:]
    private var present = 0
    private(set) var most = 0

    init(blockSize: UInt64, memory: Int = 8 << 20) {
      blocks = CompressedBlocks(blockSize: blockSize, memory: memory) { () throws(BlockError) in 0 }
    }

    func count(of block: UInt64) -> Int { lock.withLock { counts[block] ?? 0 } }

    func read(_ block: UInt64, size: Int? = nil, _ range: Range<Int>) throws(BlockError) -> [UInt8] {
      let buffer = Buffer(count: range.count)
      var bytes = buffer.mutableBytes
      try blocks.read(block, size: size, range, into: &bytes) { (_, target) throws(BlockError) in
        lock.withLock {
          counts[block, default: 0] += 1
          present += 1
          most = max(most, present)
        }
        Clock.sleep(seconds: 0.002)
        lock.withLock { present -= 1 }
        guard block != 1300 else { throw BlockError(.corrupt, "damaged") }
        target.fill(UInt8(truncatingIfNeeded: block))
      }
      return buffer.array
    }
  }

  @Test("threads that want one block wait for the one that decodes it; several are kept")
  func together() throws {
    let blocks = Blocks(blockSize: 65536)
    try Threads.run(8) { number throws(BlockError) in
      for block in 0..<40 as Range<UInt64> {
        let start = (number * 700) % 60000
        guard try blocks.read(block, start..<start + 100) == [UInt8](repeating: UInt8(block), count: 100)
        else {
          throw BlockError(.corrupt, "block \(block) reads as something else")
        }
      }
    }
    for block in 0..<40 as Range<UInt64> { #expect(blocks.count(of: block) == 1) }
    // Content that may be stale is decoded anew.
    blocks.blocks.forget()
    _ = try blocks.read(3, 0..<10)
    _ = try blocks.read(3, 10..<20)
    #expect(blocks.count(of: 3) == 2)
  }

  @Test("a block that cannot be decoded is an error for everybody who wants it, and keeps nobody waiting")
  func failure() throws {
    let blocks = Blocks(blockSize: 4096)
    try Threads.run(6) { _ throws(BlockError) in
      guard (try? blocks.read(1300, 0..<10)) == nil else { throw BlockError(.corrupt, "no error") }
    }
    #expect(blocks.count(of: 1300) == 6)
  }

  @Test("large blocks are decoded one at a time, small ones side by side; all have the length that is stated")
  func memory() throws {
    let large = Blocks(blockSize: 0, memory: 1 << 20)
    try Threads.run(4) { number throws(BlockError) in
      _ = try large.read(UInt64(number), size: 8 << 20, 0..<8 << 20)
    }
    #expect(large.most == 1)
    let small = Blocks(blockSize: 4096)
    try Threads.run(4) { number throws(BlockError) in
      for block in 0..<20 { _ = try small.read(UInt64(block * 4 + number), 0..<4096) }
    }
    #expect(small.most > 1)
    #expect(try large.read(200, size: 1000, 990..<1000) == [UInt8](repeating: 200, count: 10))
    // The first of more than are kept is decoded again.
    for block in 300..<400 as Range<UInt64> { _ = try small.read(block, 0..<1) }
    for block in [399, 350, 300] as [UInt64] { _ = try small.read(block, 0..<1) }
    #expect(small.count(of: 399) == 1 && small.count(of: 350) == 1 && small.count(of: 300) == 2)
  }
}
