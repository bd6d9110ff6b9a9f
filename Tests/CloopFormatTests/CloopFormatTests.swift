// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import CloopFormat

extension CloopFormat: PlainKind {}

/// A cloop image in memory.
typealias MemoryCloop = MemoryImage<CloopFormat>

@Suite("cloop")
struct CloopFormatTests {
  /// A disk of noise with text, and zeros in the middle.
  static func disk(_ count: Int) -> [UInt8] {
    var numbers = SeededNumbers(seed: 4)
    var disk = SampleDisk.noise(count, &numbers).array
    for index in count / 4..<count / 2 { disk[index] = 0 }
    for index in count / 2..<count * 3 / 4 { disk[index] = UInt8(truncatingIfNeeded: index / 3) }
    return disk
  }

  @Test("blocks of many lengths", arguments: [512, 1024, 1536, 65536, 1 << 20, 4 << 20])
  func reads(_ blockSize: Int) throws {
    let disk = CloopFormatTests.disk(blockSize > 65536 ? 3 << 20 : 20 * blockSize + 700)
    let image = try MemoryCloop(CloopSample.bytes(of: disk, blockSize: blockSize), flags: [])
    let length = (disk.count + blockSize - 1) / blockSize * blockSize
    #expect(image.edge.length == UInt64(length))
    let whole = disk + [UInt8](repeating: 0, count: length - disk.count)
    #expect(try image.edge.array(at: 0, count: length) == whole)
    var numbers = SeededNumbers(seed: 5)
    for _ in 0..<50 {
      let start = Int.random(in: 0..<length, using: &numbers)
      let count = Int.random(in: 1...min(length - start, 3 * blockSize), using: &numbers)
      #expect(try image.edge.array(at: UInt64(start), count: count) == Array(whole[start..<start + count]))
    }
    let check = try image.check()
    #expect(check.lines == [] && check.result.corruptions == 0)
    #expect(check.result.compressedClusters == UInt64(length / blockSize))
  }

  @Test("blocks of zeros are holes, others are not", arguments: [512, 65536, 1 << 20])
  func zeroes(_ blockSize: Int) throws {
    let content: [[UInt8]] = [
      [UInt8](repeating: 0, count: blockSize), [UInt8](repeating: 1, count: blockSize),
      [UInt8](repeating: 0, count: blockSize), [UInt8](repeating: 0, count: blockSize),
      [UInt8](repeating: 0, count: blockSize - 1) + [1],
    ]
    let disk = Array(content.joined())
    let image = try MemoryCloop(CloopSample.bytes(of: disk, blockSize: blockSize), flags: [])
    var found: [(Bool, UInt64)] = []
    var position: UInt64 = 0
    while position < image.edge.length {
      let extent = try image.edge.extent(at: position, length: image.edge.length - position)
      found.append((extent.kind == .zero, extent.length / UInt64(blockSize)))
      position += extent.length
    }
    #expect(found.map(\.0) == [true, false, true, false] && found.map(\.1) == [1, 1, 2, 1])
    #expect(try image.edge.array(at: 0, count: disk.count) == disk)
  }

  @Test("small reads in any order inflate no block a second time")
  func cache() throws {
    let disk = CloopFormatTests.disk(16 * 65536)
    let image = try MemoryCloop(CloopSample.bytes(of: disk, blockSize: 65536), flags: [])
    let before = image.memory.record.reads
    var numbers = SeededNumbers(seed: 6)
    for _ in 0..<2000 {
      let start = Int.random(in: 0..<disk.count - 100, using: &numbers)
      #expect(try image.edge.array(at: UInt64(start), count: 100) == Array(disk[start..<start + 100]))
    }
    // Each read looks at the table, and at streams that may be zeros; each block is read once.
    let extents = image.memory.record.reads - before
    #expect(extents < 2 * 2100 + 2 * 16 + 2000)
    let alone = try MemoryCloop(CloopSample.bytes(of: disk, blockSize: 65536), flags: [])
    let first = alone.memory.record.reads
    for _ in 0..<100 { _ = try alone.edge.array(at: 70_000, count: 100) }
    #expect(alone.memory.record.reads - first <= 100 + 2)
  }

  @Test("disks without blocks, with one, and of files that are cut short")
  func odd() throws {
    let none = try MemoryCloop(CloopSample.image(of: [], blockSize: 512), flags: [])
    #expect(try none.edge.length == 0 && none.check().lines == [])
    let disk = CloopFormatTests.disk(4096)
    let one = try MemoryCloop(CloopSample.bytes(of: disk, blockSize: 4096), flags: [])
    #expect(try one.edge.array(at: 0, count: 4096) == disk)
    let bytes = CloopSample.bytes(of: disk, blockSize: 512)
    let data = 136 + 9 * 8
    for count in stride(from: data, to: bytes.count, by: 100) {
      let image = try MemoryCloop(Array(bytes.prefix(count)), flags: [.checking])
      #expect(throws: BlockError.self) { _ = try image.edge.array(at: 3584, count: 512) }
      let found = try image.check()
      #expect(found.result.corruptions > 0)
      #expect(found.lines.last?.hasPrefix("ERROR: block 7: it goes on past the end of the file") == true)
    }
    for count in [0, 10, 100, 150] {
      #expect(throws: BlockError.self) { _ = try MemoryCloop(Array(bytes.prefix(count)), flags: []) }
    }
    // Zeros in the place of the table are in order, as `qemu-img` has it; there is no block to read.
    let headless = try MemoryCloop(Array(bytes.prefix(136)), flags: [])
    #expect(throws: BlockError.self) { _ = try headless.edge.array(at: 0, count: 512) }
  }

  /// The table of 8 blocks of 512 bytes starts at 136, their streams at 208.
  static let broken: [([(Int, Int, UInt64)], String)] = [
    ([(128, 4, 0)], "block_size cannot be zero"),
    ([(128, 4, 100)], "block_size 100 must be a multiple of 512"),
    ([(128, 4, .max)], "block_size 4294967295 must be a multiple of 512"),
    ([(128, 4, 64 << 20 + 512)], "block_size 67109376 must be 64 MB or less"),
    ([(128, 4, 0xffff_fe00)], "block_size 4294966784 must be 64 MB or less"),
    ([(132, 4, .max)], "n_blocks 4294967295 must be 536870911 or less"),
    ([(132, 4, 1 << 29)], "n_blocks 536870912 must be 536870911 or less"),
    ([(132, 4, 1 << 29 - 1)], "Could not allocate offsets table"),
    ([(144, 8, 100)], "offsets not monotonically increasing at index 1, image file is corrupt"),
    ([(200, 8, 0)], "offsets not monotonically increasing at index 8, image file is corrupt"),
    ([(200, 8, .max)], "invalid compressed block size at index 8, image file is corrupt"),
    ([(136, 8, .max)], "offsets not monotonically increasing at index 1, image file is corrupt"),
    ([(136, 8, 0), (144, 8, 1025)], "invalid compressed block size at index 1, image file is corrupt"),
    ([(12, 1, 0x34)], "cloop version 4.0 is not supported"),
    ([(12, 1, 0x33)], "cloop version 3.0 is not supported"),
    ([(12, 3, 0x302E36)], "cloop version 0.6 is not supported"),
    ([(12, 1, 0x31)], "cloop version 1.0 is not supported"),
  ]

  @Test(
    "B-03 headers and tables that make no sense are refused, in qemu-img's words where it does",
    arguments: broken)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = CloopSample.bytes(of: CloopFormatTests.disk(4096), blockSize: 512).bigChanged(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryCloop(bytes, flags: []) }
    #expect(error?.message == message)
  }

  static let damaged: [([[UInt8]], String)] = [
    ([[]], "compressed data is damaged (it ends too early)"),
    ([[0x78]], "compressed data is damaged (it ends too early)"),
    ([[1, 2, 3, 4, 5, 6, 7, 8]], "compressed data is damaged (no zlib header)"),
    (
      [CloopSample.deflated([UInt8](repeating: 5, count: 511))],
      "compressed data holds 511 bytes where 512 are expected"
    ),
    // A bomb.
    (
      [CloopSample.deflated([UInt8](repeating: 5, count: 500_000))],
      "compressed data holds more than the expected 512 bytes"
    ),
    (
      [CloopSample.deflated([UInt8](repeating: 5, count: 512)).bigChanged([(1, 1, 0xFF)])],
      "compressed data is damaged (wrong checksum)"
    ),
  ]

  @Test(
    "B-03 streams that are damaged, too short or too long are errors, and check finds them",
    arguments: damaged)
  func damage(_ streams: [[UInt8]], _ message: String) throws {
    let whole = CloopSample.deflated([UInt8](repeating: 9, count: 512))
    let image = try MemoryCloop(CloopSample.image(of: [whole] + streams + [whole], blockSize: 512), flags: [])
    #expect(try image.edge.array(at: 0, count: 512) == [UInt8](repeating: 9, count: 512))
    #expect(try image.edge.array(at: 1024, count: 512) == [UInt8](repeating: 9, count: 512))
    let error = #expect(throws: BlockError.self) { _ = try image.edge.array(at: 600, count: 10) }
    #expect(error?.message.hasPrefix("block 1: compressed data") == true)
    let found = try image.check()
    #expect(found.result.corruptions == 1 && found.lines.count == 1)
    #expect(found.lines.first == "ERROR: block 1: \(message)")
  }

  @Test("what is written to it is refused, and nobody opens it for that")
  func isReadOnly() throws {
    let error = #expect(throws: BlockError.self) {
      _ = try MemoryCloop(CloopSample.image(of: [], blockSize: 512))
    }
    #expect(error?.message == "Image is read-only" && error?.kind == .readOnly)
  }

  @Test("what is recognized, and what is not")
  func recognizes() throws {
    let bytes = CloopSample.bytes(of: CloopFormatTests.disk(4096), blockSize: 512)
    func isKnown(_ bytes: [UInt8]) -> Bool {
      let head = Buffer(Array(bytes.prefix(ProbeInput.headLength)))
      return CloopFormat().probe(ProbeInput(head: head, length: UInt64(bytes.count), name: "")) != nil
    }
    #expect(isKnown(bytes) && isKnown(bytes.bigChanged([(30, 1, 0)])) && isKnown(Array(bytes.prefix(83))))
    #expect(!isKnown([]) && !isKnown(Array(bytes.prefix(60))) && !isKnown(bytes.bigChanged([(12, 1, 0x34)])))
  }
}
