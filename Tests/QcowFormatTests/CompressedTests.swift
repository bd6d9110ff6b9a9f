// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import QcowFormat

/// Compressed clusters.
@Suite("QCOW compressed")
struct CompressedTests {
  /// Compresses clusters of one byte each, and answers how many bytes each took.
  private func compress(_ image: MemoryQcow, _ clusters: [(UInt64, UInt8)]) throws -> [Int] {
    let compressor = try image.edge.makeCompressor()
    let size = Int(image.node.limits.clusterSize)
    var sizes: [Int] = []
    var data: [UInt8] = []
    var places: [CompressedCluster] = []
    for (cluster, byte) in clusters {
      let output = Buffer(count: size)
      var room = output.mutableBytes
      let whole = Buffer((0..<size).map { $0 % 100 < 90 ? byte : UInt8(truncatingIfNeeded: $0 / 7) })
      let count = try #require(compressor.compress(whole.bytes, into: &room))
      sizes.append(count)
      data += output.array.prefix(count)
      places.append(CompressedCluster(guestOffset: cluster * UInt64(size), size: count))
    }
    let prepared = try image.edge.prepareCompressed(places)
    try image.edge.complete(prepared, from: Buffer(data).bytes)
    return sizes
  }

  private func content(_ byte: UInt8, _ size: Int) -> [UInt8] {
    (0..<size).map { $0 % 100 < 90 ? byte : UInt8(truncatingIfNeeded: $0 / 7) }
  }

  @Test(
    "stand right behind each other, are read in parts, and are overwritten",
    arguments: [9, 12, 16] as [UInt64])
  func packed(_ bits: UInt64) throws {
    let size = 1 << Int(bits)
    let image = try MemoryQcow(MemoryQcow.bytes(size: 8 << 20).bigChanged([(32, 1, bits), (33, 1, 13)]))
    let sizes = try compress(image, [(3, 5), (4, 6), (20, 7)])
    try image.edge.flush()
    // The L1 table, the L2 table, the clusters.
    let start = image.memory.bytes.count - sizes.reduce(0, +)
    #expect(start % 512 == 0)
    for (cluster, byte) in [(3, 5), (4, 6), (20, 7)] as [(Int, UInt8)] {
      let found = try image.edge.array(at: UInt64(cluster * size), count: size)
      #expect(found == content(byte, size))
      let part = try image.edge.array(at: UInt64(cluster * size + 33), count: 100)
      #expect(part == Array(content(byte, size)[33..<133]))
    }
    #expect(try image.edge.array(at: 0, count: 3 * size).consists(of: 0))
    try image.edge.write(at: UInt64(4 * size + 10), [1, 2])
    #expect(try image.edge.array(at: UInt64(4 * size + 8), count: 6) == [6, 6, 1, 2, 6, 6])
    _ = try compress(image, [(4, 9)])
    #expect(try image.edge.array(at: UInt64(4 * size), count: size) == content(9, size))
    try image.close()
    let again = try MemoryQcow(image.memory.bytes)
    let check = try again.check()
    #expect(check.lines == [] && check.result.compressedClusters == 3)
    for (cluster, byte) in [(3, 5), (4, 9), (20, 7)] as [(Int, UInt8)] {
      #expect(try again.edge.array(at: UInt64(cluster * size), count: size) == content(byte, size))
    }
  }

  @Test("B-02 a crash while they are written leaves each cluster as it was or as it became")
  func crash() throws {
    let image = try MemoryQcow(size: 8 << 20)
    try image.edge.write(at: 0, [UInt8](repeating: 8, count: 3 * 4096))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    _ = try compress(image, [(1, 5), (2, 6), (3, 7)])
    try image.edge.flush()
    _ = try compress(image, [(700, 3), (2, 9)])
    try image.edge.write(at: 3 * 4096, [UInt8](repeating: 4, count: 4096))
    try image.close()
    var numbers = SeededNumbers(seed: 8)
    let history = try #require(image.fault.history)
    func isOne(_ found: [UInt8], _ values: [[UInt8]]) -> Bool { values.contains(found) }
    let old = [UInt8](repeating: 8, count: 4096)
    let none = [UInt8](repeating: 0, count: 4096)
    for moment in 0...history.count {
      for loss in StorageHistory.Loss.allCases {
        let left = try MemoryQcow(history.bytes(after: moment, losing: loss, &numbers))
        #expect(try left.check().lines == [])
        #expect(try left.edge.array(at: 0, count: 4096) == old)
        #expect(isOne(try left.edge.array(at: 4096, count: 4096), [old, content(5, 4096)]))
        let second = try left.edge.array(at: 8192, count: 4096)
        #expect(isOne(second, [old, content(6, 4096), content(9, 4096)]))
        let third = try left.edge.array(at: 12288, count: 4096)
        #expect(isOne(third, [none, content(7, 4096), [UInt8](repeating: 4, count: 4096)]))
        #expect(isOne(try left.edge.array(at: 700 << 12, count: 4096), [none, content(3, 4096)]))
      }
    }
  }

  @Test("B-03 a size that is wrong is an error or does no harm")
  func sizes() throws {
    let image = try MemoryQcow(size: 8 << 20)
    let count = try compress(image, [(0, 5), (1, 6)])[0]
    try image.edge.flush()
    // The L2 table stands in front of the compressed clusters.
    let bytes = image.memory.bytes
    let table = Int(Buffer(bytes).bytes.big64(at: 48))
    let entry = Buffer(bytes).bytes.big64(at: table)
    let place = entry & (1 << 51 - 1)
    func read(_ size: UInt64) throws -> [UInt8] {
      let other = try MemoryQcow(bytes.bigChanged([(table, 8, 1 << 63 | size << 51 | place)]), flags: [])
      return try other.edge.array(at: 0, count: 4096)
    }
    #expect(try read(UInt64(count)) == content(5, 4096))
    // As qemu-img has it, more than there is to decode does no harm.
    #expect(try read(UInt64(count) + 3) == content(5, 4096))
    for size in [0, 1, UInt64(count) / 2, 4095] {
      let error = #expect(throws: BlockError.self) { _ = try read(size) }
      #expect(error?.kind == .corrupt)
    }
    let cut = try MemoryQcow(Array(bytes.dropLast(1)), flags: [])
    #expect(try cut.edge.array(at: 0, count: 4096) == content(5, 4096))
    #expect(throws: BlockError.self) { _ = try cut.edge.array(at: 4096, count: 1) }
    #expect(try cut.check().lines.count == 1)
  }

  @Test("B-02 a repair gives back places in front of compressed clusters, and loses none whenever it ends")
  func leaks() throws {
    let image = try MemoryQcow(size: 8 << 20)
    _ = try compress(image, (0..<100).map { ($0, UInt8($0 + 1)) })
    try image.edge.write(at: 200 << 12, [UInt8](repeating: 201, count: 4096))
    _ = try compress(image, (100..<120).map { ($0, UInt8($0 + 1)) })
    try image.edge.discard(at: 0, length: 60 << 12)
    try image.close()
    let broken = try MemoryQcow(image.memory.bytes)
    #expect(try broken.check().result.leaks > 1)
    broken.fault.record(from: broken.memory.bytes)
    #expect(try broken.repair(.all).leaks == 0)
    try broken.close()
    #expect(broken.memory.bytes.count < image.memory.bytes.count)
    let wanted = [UInt8](repeating: 0, count: 60 << 12) + (60..<120).flatMap { content($0 + 1, 4096) }
    let history = try #require(broken.fault.history)
    try history.forEachLoss(seed: 12) { (moment, loss, bytes) in
      let left = try MemoryQcow(bytes)
      let check = try left.check()
      #expect(check.lines == [] && (moment < history.count || check.result.leaks == 0))
      let isKept = try left.edge.array(at: 0, count: 120 << 12) == wanted
      #expect(isKept, "\(moment), \(loss)")
      let found = try left.edge.array(at: 200 << 12, count: 4096)
      #expect(found == [UInt8](repeating: 201, count: 4096))
    }
  }
}
