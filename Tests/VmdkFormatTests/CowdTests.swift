// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import VmdkFormat

@Suite struct CowdTests {
  /// An extent without grains: header, a directory with room for one table, and nothing else.
  private func empty(sectors: UInt64, grain: UInt64 = 1) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 2048 + 512)
    bytes.replaceSubrange(0..<4, with: Array("COWD".utf8))
    return bytes.littleChanged([
      (4, 4, 1), (8, 4, 3), (12, 4, sectors), (16, 4, grain), (20, 4, 4), (24, 4, 1), (28, 4, 5),
    ])
  }

  @Test("keeps the contract of drivers", arguments: [1, 2, 8] as [UInt64])
  func conforms(_ grain: UInt64) throws {
    let image = try MemoryVmdk(empty(sectors: 1000, grain: grain), isPart: true)
    #expect(try DriverConformance.check(image.edge, seed: grain, operations: 60) == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    #expect(image.memory.bytes.little(1648, 4) == 1)
    try image.close()
    #expect(image.memory.bytes.little(1648, 4) == 0)
    #expect(image.memory.bytes.little(28, 4) * 512 == UInt64(image.memory.bytes.count))
    let again = try MemoryVmdk(image.memory.bytes, flags: .checking)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    let check = try again.check()
    #expect(check.lines == [] && check.result.leaks == 0)
  }

  @Test("shows what lies below where nothing is stored")
  func overlay() throws {
    let below = [UInt8](repeating: 7, count: 300_000)
    let image = try MemoryVmdk(empty(sectors: 1000), below: below, isPart: true)
    #expect(try DriverConformance.check(image.edge, seed: 5, operations: 60) == [])
  }

  @Test("a part of a disk is no disk by itself, and its tables can be looked at")
  func alone() throws {
    let sparse = try MemoryVmdk.bytes(size: 1 << 20)
    let descriptor = Int(sparse.little(28, 8)) * 512
    var unnamed = sparse
    for index in descriptor..<descriptor + Int(sparse.little(36, 8)) * 512 { unnamed[index] = 0 }
    for part in [empty(sectors: 1000), unnamed, sparse.littleChanged([(28, 8, 0), (36, 8, 0)])] {
      for flags in [[], .writable] as [NodeFlags] {
        do throws(BlockError) {
          _ = try MemoryVmdk(part, flags: flags)
          Issue.record("it was opened")
        } catch {
          #expect(error.message == "Image is a part of a disk, and has no descriptor")
        }
      }
      #expect(try MemoryVmdk(part, flags: .noIO).edge.length > 0)
      #expect(try MemoryVmdk(part, flags: .checking).check().result.corruptions == 0)
      let input = ProbeInput(
        head: Buffer(Array(part.prefix(ProbeInput.headLength))), length: UInt64(part.count), name: "")
      #expect(VmdkFormat().probe(input)?.score == Recognition.certain)
    }
  }

  static let broken: [([(Int, Int, UInt64)], String)] = [
    ([(4, 4, 2)], "Unsupported COWD version 2"),
    ([(16, 4, 0)], "Invalid granularity, image may be corrupt"),
    ([(16, 4, 0x8000)], "Invalid granularity, image may be corrupt"),
    ([(12, 4, 4097)], "the grain directory has 1 entries for 4097 sectors"),
    ([(12, 4, 0xffff_ffff)], "the grain directory has 1 entries for 4294967295 sectors"),
    ([(20, 4, 0)], "the grain directory (sector 0) lies where it cannot be"),
    ([(20, 4, 3)], "the grain directory (sector 3) lies where it cannot be"),
    ([(20, 4, 5)], "the grain directory (sector 5) lies where it cannot be"),
    ([(20, 4, 0xffff_ffff)], "the grain directory (sector 4294967295) lies where it cannot be"),
    ([(24, 4, 0)], "the grain directory has 0 entries for 1000 sectors"),
    ([(24, 4, 0xffff_ffff)], "the grain directory (sector 4) lies where it cannot be"),
  ]

  @Test("a header that makes no sense is one line", arguments: broken.indices)
  func damaged(_ index: Int) throws {
    let (fields, message) = CowdTests.broken[index]
    let bytes = empty(sectors: 1000).littleChanged(fields)
    do throws(BlockError) {
      _ = try MemoryVmdk(bytes, isPart: true)
      Issue.record("it was opened")
    } catch {
      #expect(error.message == message)
    }
  }

  @Test("tables in the header, past the end and shared, and grains there, are found and mended")
  func entries() throws {
    let image = try MemoryVmdk(empty(sectors: 1000), isPart: true)
    try image.edge.write(at: 0, [UInt8](repeating: 1, count: 2048))
    try image.close()
    let bytes = image.memory.bytes
    let table = Int(bytes.little(2048, 4)) * 512
    for (fields, count) in [
      ([(2048, 4, 1)], 1), ([(2048, 4, 0x7fff_ffff)], 1), ([(table, 4, 2)], 1), ([(table, 4, 4)], 1),
      ([(table, 4, 0xffff_ff00)], 1), ([(table, 4, bytes.little(table + 4, 4))], 1),
      ([(table, 4, UInt64(table) / 512)], 1),
    ] as [([(Int, Int, UInt64)], UInt64)] {
      let broken = try MemoryVmdk(bytes.littleChanged(fields), flags: NodeFlags(checkingWith: .all))
      #expect(try broken.check().result.corruptions == count)
      _ = try broken.repair(.all)
      let after = try broken.check().result
      #expect(after.corruptions == 0 && after.leaks == 0)
    }
  }
}
