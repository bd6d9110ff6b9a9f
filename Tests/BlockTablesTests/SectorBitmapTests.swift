// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors
import Support
import Testing

/// Blocks that are stored in part over a parent.
@Suite struct SectorBitmapTests {
  /// The bits that the file has for a block's sectors.
  private func bits(_ image: TableImage, _ shape: TableShape, of block: UInt64) -> [Bool] {
    let bytes = Buffer(image.memory.bytes)
    let coding = TableCoding(shape: shape, areaOffset: bytes.bytes.big64(at: 24))
    let format = TableFormat(shape: shape)
    func entry(_ offset: Int) -> BlockEntry? {
      coding.entry(of: TableFormat.load(offset, bytes.bytes, shape))
    }
    guard case .partial(let place)? = entry(format.entryOffset(of: block, bytes.bytes)) else { return [] }
    let sectors = Int(shape.blockSize / 512)
    var (start, first) = (Int(place - shape.lead), 0)
    if case .apart(let every) = shape.bits {
      let index = Int(block / every * (every + 1) + every)
      guard case .data(let offset)? = entry(512 + index * shape.width) else { return [] }
      (start, first) = (Int(offset), Int(block % every) * sectors)
    }
    return (first..<first + sectors).map { bit in
      let byte = bytes.bytes.byte(at: start + bit / 8)
      return byte & (shape.bits == .lead ? 0x80 >> (bit % 8) : 1 << (bit % 8)) != 0
    }
  }

  @Test(
    "B-04 single sectors over a parent: only their bits are set, and the parent shows elsewhere",
    arguments: TableShape.bitmapped, 1...4)
  func sectors(_ shape: TableShape, _ seed: Int) throws {
    let length = 90_112
    let image = try TableImage(shape, length: UInt64(length))
    var shadow = Array(TableImage.base[..<90_000]) + [UInt8](repeating: 0, count: length - 90_000)
    var stored = [Bool](repeating: false, count: length / 512)
    var numbers = SeededNumbers(seed: UInt64(seed))
    for _ in 0..<40 {
      let sector = Int.random(in: 0..<length / 512, using: &numbers)
      // Also less than a sector: what is around it comes from the parent.
      let (start, count) = Bool.random(using: &numbers) ? (0, 512) : (100, 90)
      let bytes = [UInt8](repeating: UInt8.random(in: 1...255, using: &numbers), count: count)
      try image.edge.write(at: UInt64(sector * 512 + start), bytes)
      shadow.replaceSubrange(sector * 512 + start..<sector * 512 + start + count, with: bytes)
      stored[sector] = true
    }
    #expect(try image.edge.array(at: 0, count: length) == shadow)
    try image.close()
    let perBlock = Int(shape.blockSize / 512)
    for block in 0..<(length / 512 + perBlock - 1) / perBlock {
      let wanted = (0..<perBlock).map {
        block * perBlock + $0 < stored.count && stored[block * perBlock + $0]
      }
      let found = bits(image, shape, of: UInt64(block))
      #expect(found == (wanted.contains(true) ? wanted : []), "block \(block)")
    }
    let again = try TableImage(shape, image.memory.bytes)
    #expect(try again.edge.array(at: 0, count: length) == shadow)
    #expect(try again.check().lines == [])
  }

  @Test(
    "B-04 extents are as long as the sectors are alike, and bits are not read one by one",
    arguments: TableShape.bitmapped)
  func extents(_ shape: TableShape) throws {
    let image = try TableImage(shape, length: 1 << 20)
    let size = Int(shape.blockSize)
    try image.edge.write(at: 512, [UInt8](repeating: 1, count: 1024))
    try image.edge.write(at: UInt64(2 * size - 512), [UInt8](repeating: 2, count: 512))
    try image.close()
    let again = try TableImage(shape, image.memory.bytes)
    var found: [Extent] = []
    var offset: UInt64 = 0
    while offset < UInt64(2 * size) {
      let extent = try again.edge.extent(at: offset, length: UInt64(2 * size) - offset)
      found.append(extent)
      offset += extent.length
    }
    #expect(found.map(\.length) == [512, 1024, UInt64(size - 1536), UInt64(size - 512), 512])
    #expect(found.map(\.kind) == [.unallocated, .data, .unallocated, .unallocated, .data])
    let reads = again.memory.record.reads
    for _ in 0..<100 { _ = try again.edge.extent(at: 0, length: 512) }
    #expect(again.memory.record.reads == reads)
    #expect(reads <= 8)
  }

  @Test(
    "B-04 what lay behind a shorter end of the parent's child stays zero when it grows",
    arguments: TableShape.bitmapped + TableShape.all.filter { $0.isOverlay && $0.bits == .none })
  func growth(_ shape: TableShape) throws {
    let image = try TableImage(shape, length: 20_480)
    try image.edge.write(at: 19_968, [UInt8](repeating: 7, count: 512))
    for length in [20_480 + 1024, 60_416, 100_352] {
      let before = try image.edge.array(at: 0, count: Int(image.edge.length))
      try image.edge.truncate(to: UInt64(length))
      let content = try image.edge.array(at: 0, count: length)
      #expect(content[..<before.count] == before[...])
      #expect(content[before.count...].consists(of: 0), "\(length)")
      #expect(try image.check().lines == [])
    }
  }

  @Test(
    "B-04 a block whose place held other sectors before shows none of them", arguments: TableShape.bitmapped)
  func reuse(_ shape: TableShape) throws {
    guard shape.hasZeroes else { return }
    let image = try TableImage(shape, length: 163_840)
    let size = Int(shape.blockSize)
    for round in 0..<6 {
      try image.edge.write(at: 0, [UInt8](repeating: UInt8(round + 1), count: 2048))
      try image.edge.writeZeroes(at: 0, length: UInt64(size), mayUnmap: true)
      try image.edge.flush()
      let offset = (3 + round) * size
      try image.edge.write(at: UInt64(offset), [UInt8](repeating: 3, count: 512))
      let content = try image.edge.array(at: UInt64(offset), count: size)
      #expect(Array(content[512...]) == Array(TableImage.base[(offset + 512)..<(offset + size)]))
      try image.edge.discard(at: UInt64(offset), length: UInt64(size))
      #expect(try image.edge.array(at: UInt64(offset), count: size).consists(of: 0))
      try image.edge.flush()
    }
    #expect(try image.check().lines == [])
  }
}
