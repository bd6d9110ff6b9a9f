// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import BochsFormat

extension BochsFormat: PlainKind {}

/// A Bochs image in memory.
typealias MemoryBochs = MemoryImage<BochsFormat>

@Suite("Bochs")
struct BochsFormatTests {
  /// A disk with data, zeros and sectors of both.
  static func disk(_ count: Int, seed: UInt64 = 3) -> [UInt8] {
    var numbers = SeededNumbers(seed: seed)
    var disk = SampleDisk.noise(count, &numbers).array
    for start in stride(from: 0, to: count, by: 512) where Int.random(in: 0..<3, using: &numbers) == 0 {
      let length = min([512, 4096, 40000].randomElement(using: &numbers) ?? 512, count - start)
      disk.replaceSubrange(start..<start + length, with: [UInt8](repeating: 0, count: length))
    }
    return disk
  }

  @Test(
    "versions, extents and bitmaps of many lengths, in any order",
    arguments: [(512, 1, 1024), (4096, 1, 64), (16384, 4, 100), (65536, 16, 129), (1 << 20, 256, 3)],
    [0x10000, 0x20000] as [UInt32])
  func reads(_ shape: (extent: Int, bitmap: Int, catalog: Int), _ version: UInt32) throws {
    for isReversed in [false, true] {
      var sample = BochsSample()
      (sample.version, sample.isReversed) = (version, isReversed)
      (sample.extentSize, sample.bitmapSize, sample.catalogCount) = (
        shape.extent, shape.bitmap, shape.catalog
      )
      let disk = BochsFormatTests.disk(min(shape.extent * shape.catalog - 512, 300_032))
      let image = try MemoryBochs(sample.bytes(of: disk), flags: [])
      #expect(image.edge.length == UInt64(disk.count))
      #expect(try image.edge.array(at: 0, count: disk.count) == disk)
      for offset in [0, 511, 4095, 70_001] where offset + 3000 < disk.count {
        #expect(try image.edge.array(at: UInt64(offset), count: 3000) == Array(disk[offset..<offset + 3000]))
      }
      #expect(try image.zeroSectors() == BochsFormatTests.zeroSectors(disk))
      let check = try image.check()
      #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
    }
  }

  private static func zeroSectors(_ disk: [UInt8]) -> [Bool] {
    stride(from: 0, to: disk.count, by: 512).map { start in !disk[start..<start + 512].contains { $0 != 0 } }
  }

  @Test("what is written to it is refused, and nobody opens it for that")
  func isReadOnly() throws {
    let bytes = BochsSample().bytes(of: BochsFormatTests.disk(100_352))
    let error = #expect(throws: BlockError.self) { _ = try MemoryBochs(bytes) }
    #expect(error?.message == "Image is read-only" && error?.kind == .readOnly)
  }

  @Test("what is recognized, and what is not")
  func recognizes() throws {
    let bytes = BochsSample().bytes(of: BochsFormatTests.disk(8192))
    func isKnown(_ bytes: [UInt8]) -> Bool {
      let head = Buffer(Array(bytes.prefix(ProbeInput.headLength)))
      return BochsFormat().probe(ProbeInput(head: head, length: UInt64(bytes.count), name: "")) != nil
    }
    #expect(
      isKnown(bytes) && isKnown(Array(bytes.prefix(100))) && isKnown(bytes.littleChanged([(64, 4, 0x10000)])))
    #expect(!isKnown([]) && !isKnown(Array(bytes.prefix(67))))
    for (offset, width, value) in [(64, 4, 0x30000), (48, 1, 0x55), (32, 1, 0x55), (3, 1, 0), (22, 1, 33)]
      as [(Int, Int, UInt64)]
    {
      #expect(!isKnown(bytes.littleChanged([(offset, width, value)])))
    }
  }

  static let broken: [([(Int, Int, UInt64)], String)] = [
    ([(5, 1, 0)], "Image not in Bochs format"), ([(22, 1, 32)], "Image not in Bochs format"),
    ([(32, 1, 0)], "Image not in Bochs format"), ([(55, 1, 0x58)], "Image not in Bochs format"),
    ([(64, 4, 0)], "Image not in Bochs format"), ([(64, 4, 0x30000)], "Image not in Bochs format"),
    ([(68, 4, 0)], "Header size 0 is not 512"), ([(68, 4, 1024)], "Header size 1024 is not 512"),
    ([(68, 4, .max)], "Header size 4294967295 is not 512"),
    ([(72, 4, 0)], "Catalog size is too small for this disk size"),
    ([(72, 4, 1)], "Catalog size is too small for this disk size"),
    ([(72, 4, 1 << 20 + 1)], "Catalog size is too large"), ([(72, 4, .max)], "Catalog size is too large"),
    ([(76, 4, 0)], "Bitmap size 0 is too small for extents of 4096 bytes"),
    ([(76, 4, 65537)], "Bitmap size 65537 is too large"),
    ([(76, 4, .max)], "Bitmap size 4294967295 is too large"),
    ([(80, 4, 0)], "Extent size must be at least 512"), ([(80, 4, 511)], "Extent size must be at least 512"),
    ([(80, 4, 4097)], "Extent size 4097 is not a power of two"),
    ([(80, 4, 16 << 20)], "Extent size 16777216 is too large"),
    ([(80, 4, 1 << 31)], "Extent size 2147483648 is too large"),
    ([(80, 4, 8192)], "Bitmap size 1 is too small for extents of 8192 bytes"),
    ([(88, 8, 1 << 63)], "Catalog size is too small for this disk size"),
    ([(88, 8, .max)], "Catalog size is too small for this disk size"),
  ]

  @Test("B-03 headers that make no sense are refused, in qemu-img's words where it does", arguments: broken)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    // An extent of 8192 bytes has two bytes of bits only where it has more than 8 sectors.
    let bytes = BochsSample().bytes(of: BochsFormatTests.disk(100_352)).littleChanged(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryBochs(bytes, flags: []) }
    #expect(error?.message == message)
  }

  @Test("a file that ends anywhere reads as zeros from there on, and check says so")
  func cut() throws {
    var sample = BochsSample()
    sample.catalogCount = 32
    let disk = [UInt8](repeating: 7, count: 65536)
    let bytes = sample.bytes(of: disk)
    for count in stride(from: 512, to: bytes.count, by: 512) {
      let image = try MemoryBochs(Array(bytes.prefix(count)), flags: [.checking])
      let content = try image.edge.array(at: 0, count: disk.count)
      #expect(content.allSatisfy { $0 == 7 || $0 == 0 })
      let found = try image.check()
      #expect(found.result.corruptions > 0)
    }
  }

  @Test(
    "B-03 entries that make no sense are found",
    arguments: [
      (1, "ERROR: block 1 is where another is (0)", 0),
      (1, "ERROR: block 1 lies past the end of the file (4294967294)", 0xffff_fffe),
      (0, "ERROR: block 0 lies past the end of the file (16)", 16),
    ] as [(Int, String, UInt64)])
  func entries(_ block: Int, _ line: String, _ value: UInt64) throws {
    var sample = BochsSample()
    sample.catalogCount = 32
    let bytes = sample.bytes(of: [UInt8](repeating: 7, count: 65536)).littleChanged([
      (512 + block * 4, 4, value)
    ])
    let image = try MemoryBochs(bytes, flags: [.checking])
    let found = try image.check()
    #expect(found.lines == [line] && found.result.corruptions == 1)
    // Other programs read zeros there, too.
    _ = try image.edge.array(at: 0, count: 65536)
  }
}

extension MemoryBochs {
  /// Of each sector of the disk, whether the driver says that it is zero.
  func zeroSectors() throws -> [Bool] {
    var result: [Bool] = []
    var position: UInt64 = 0
    while position < edge.length {
      let extent = try edge.extent(at: position, length: edge.length - position)
      result += [Bool](repeating: extent.kind == .zero, count: Int(extent.length / 512))
      position += extent.length
    }
    return result
  }
}
