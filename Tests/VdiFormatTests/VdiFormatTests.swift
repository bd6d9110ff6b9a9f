// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing
import VdiFormat

extension VdiFormat: PlainKind {}

/// A VDI image in memory.
typealias MemoryVdi = MemoryImage<VdiFormat>

@Suite("VDI")
struct VdiFormatTests {
  static let mebibyte = 1 << 20

  @Test(
    "keeps the contract of drivers", arguments: [[:], ["static": true]] as [OptionObject], [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryVdi(size: 3 << 20 + 1024, options)
    let isFixed = options["static"] == true
    let findings = try DriverConformance.check(
      image.edge, seed: seed, operations: 60, mayHaveHoles: isFixed)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryVdi(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
  }

  /// An image of four blocks with a field, or several, changed: offset, width, value.
  private func changed(_ fields: [(Int, Int, UInt64)], cutTo count: Int? = nil) throws -> [UInt8] {
    let bytes = try MemoryVdi.bytes(size: 4 << 20).littleChanged(fields)
    return Array(bytes.prefix(count ?? bytes.count))
  }

  static let refusals: [([(Int, Int, UInt64)], String)] = [
    ([(64, 4, 1)], "Image not in VDI format (bad signature 00000001)"),
    ([(68, 4, 0x20003)], "unsupported VDI image (version 2.3)"),
    ([(340, 4, 513)], "unsupported VDI image (unaligned block map offset 0x201)"),
    ([(344, 4, 1025)], "unsupported VDI image (unaligned data offset 0x401)"),
    ([(360, 4, 1024)], "unsupported VDI image (sector size 1024 is not 512)"),
    ([(376, 4, 4096)], "unsupported VDI image (block size 4096 is not 1048576)"),
    ([(384, 4, 3)], "unsupported VDI image (disk size 4194304, image bitmap has room for 3145728)"),
    ([(384, 4, 536_870_785)], "unsupported VDI image (too many blocks 536870785, max is 536870784)"),
    (
      [(368, 8, 1 << 63)],
      "Unsupported VDI image size (size is 0x8000000000000000, max supported is 0x1fffff8000000)"
    ),
    ([(424, 4, 1)], "unsupported VDI image (non-NULL link UUID)"),
    ([(440, 4, 1)], "unsupported VDI image (non-NULL parent UUID)"),
    ([(380, 4, 100)], "unsupported VDI image (block extra data of 100 bytes)"),
    ([(340, 4, 0)], "the block map (offset 0) lies in the header"),
    ([(344, 4, 0)], "the blocks (offset 0) lie on the block map or the header"),
    ([(340, 4, 1 << 30)], "the block map (up to offset 1073741840) lies past the end of the file"),
    ([(344, 4, 512)], "the blocks (offset 512) lie on the block map or the header"),
  ]

  @Test("headers that make no sense are refused, in the peer's words where it does", arguments: refusals)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = try changed(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryVdi(bytes) }
    #expect(error?.message == message)
  }

  @Test("a file that ends in its header or its map is refused", arguments: [0, 100, 400, 512, 520])
  func cut(_ count: Int) throws {
    let bytes = try changed([], cutTo: count)
    #expect(throws: BlockError.self) { _ = try MemoryVdi(bytes) }
  }

  @Test("a header of any bytes behind the signature opens or is refused, and what opens can be read")
  func noise() throws {
    var numbers = SeededNumbers(seed: 4)
    let whole = try MemoryVdi.bytes(size: 4 << 20)
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &numbers) {
        bytes[Int.random(in: 68..<528, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      do {
        let image = try MemoryVdi(bytes)
        let count = Int(min(image.edge.length, 4 << 20))
        _ = try image.edge.array(at: 0, count: count)
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  @Test("blocks are read through any map: discarded, reversed, with extra bytes before each")
  func maps() throws {
    var bytes = try changed([(380, 4, 512), (388, 4, 3)])
    let data = bytes.count
    let stride = VdiFormatTests.mebibyte + 512
    bytes += [UInt8](repeating: 0, count: 3 * stride)
    for index in 0..<3 {
      for offset in 0..<VdiFormatTests.mebibyte {
        bytes[data + index * stride + 512 + offset] = UInt8(index + 1)
      }
    }
    for (block, value) in [(0, 2), (1, 0xffff_fffe), (2, 1), (3, 0)] {
      for index in 0..<4 { bytes[512 + block * 4 + index] = UInt8(truncatingIfNeeded: value >> (index * 8)) }
    }
    let image = try MemoryVdi(bytes)
    for (block, expected) in [(0, 3), (1, 0), (2, 2), (3, 1)] {
      for offset in [0, 511, VdiFormatTests.mebibyte - 1] {
        let byte = try image.edge.array(at: UInt64(block << 20 + offset), count: 1)
        #expect(byte == [UInt8(expected)])
      }
    }
  }

  @Test(
    "a count of blocks that lies never places a new block on another", arguments: [0, 1, 99, 0xffff_ffff])
  func lyingCount(_ count: UInt64) throws {
    let first = try MemoryVdi(size: 4 << 20)
    try first.edge.write(at: 3 << 20, [UInt8](repeating: 9, count: 100))
    try first.edge.write(at: 1 << 20, [UInt8](repeating: 8, count: 100))
    try first.close()
    var bytes = first.memory.bytes
    for index in 0..<4 { bytes[388 + index] = UInt8(truncatingIfNeeded: count >> UInt64(index * 8)) }
    let image = try MemoryVdi(bytes)
    try image.edge.write(at: 0, [UInt8](repeating: 7, count: 100))
    #expect(try image.edge.array(at: 3 << 20, count: 100) == [UInt8](repeating: 9, count: 100))
    #expect(try image.edge.array(at: 1 << 20, count: 100) == [UInt8](repeating: 8, count: 100))
    try image.close()
    let after = image.memory.bytes
    #expect(after[388..<392] == [3, 0, 0, 0])
  }

  @Test("what changes an image gives it another modification UUID; what reads it does not")
  func identity() throws {
    let image = try MemoryVdi(size: 1 << 20)
    let before = image.memory.bytes[392..<424]
    _ = try image.edge.array(at: 0, count: 512)
    try image.edge.flush()
    #expect(image.memory.bytes[392..<424] == before)
    try image.edge.write(at: 0, [1])
    try image.edge.flush()
    #expect(image.memory.bytes[392..<408] == before.prefix(16))
    #expect(image.memory.bytes[408..<424] != before.suffix(16))
  }

  @Test(
    "B-02 every moment of growth, of a longer and of a shorter disk leaves leaks at worst",
    arguments: [false, true])
  func moments(_ isFixed: Bool) throws {
    // No room behind the map, as others make images: a longer one takes the place of the first block.
    let image = try MemoryVdi(changed([(344, 4, 1024)], cutTo: 1024))
    try image.edge.write(at: 3 << 20, [UInt8](repeating: 9, count: 100))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    for block in [0, 2] as [UInt64] { try image.edge.write(at: block << 20, [1]) }
    try image.edge.flush()
    try image.edge.truncate(to: 7 << 20, preallocation: isFixed ? .full : .off)
    try image.edge.truncate(to: 200 << 20)
    try image.edge.write(at: 150 << 20, [1])
    try image.edge.truncate(to: 4 << 20)
    try image.close()
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 5) { (moment, loss, bytes) in
      let left = try MemoryVdi(bytes)
      let check = try left.check()
      #expect(check.result.corruptions == 0, "\(moment), \(loss): \(check.lines)")
      #expect(check.lines.isEmpty || check.result.leaks > 0)
      #expect(try left.edge.array(at: 3 << 20, count: 1) == [9], "\(moment), \(loss)")
      #expect(try left.repair(.leaks).corruptions == 0)
      let after = try left.check()
      #expect(after.lines == [] && after.result.leaks == 0, "\(moment), \(loss)")
      #expect(try left.edge.array(at: 3 << 20, count: 1) == [9], "\(moment), \(loss)")
      // What is written next does not come to lie on anything.
      try left.edge.write(at: 1 << 20, [4])
      try left.close()
      let count = left.memory.bytes[388..<392].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      let data = left.memory.bytes[344..<348].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      #expect(data + count << 20 == UInt64(left.memory.bytes.count), "\(moment), \(loss)")
    }
  }

  @Test(
    "a count of more blocks than the file has is mended by every repair, and told so",
    arguments: [.leaks, .all] as [CheckRepair])
  func wrongCount(_ what: CheckRepair) throws {
    let image = try MemoryVdi(changed([(388, 4, 77)]))
    #expect(try image.check().result.corruptions == 1)
    let result = try image.repair(what)
    #expect(result.corruptions == 0 && result.corruptionsFixed == 1)
    #expect(try image.check().lines == [])
  }
}
