// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing
import VhdxFormat

@Suite("VHDX")
struct VhdxFormatTests {
  static let mebibyte = 1 << 20

  static let shapes: [OptionObject] = [
    ["block_size": 1_048_576], ["block_size": 2_097_152, "subformat": "fixed"],
    ["block_size": 1_048_576, "logical_sector_size": 4096, "block_state_zero": false],
  ]

  @Test("keeps the contract of drivers", arguments: shapes, [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryVhdx(size: 3 << 20 + 4096, options)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 60, mayHaveHoles: true)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryVhdx(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    #expect(try again.check().lines == [])
    let headers = VhdxBytes(image.memory.bytes)
    for header in VhdxBytes.headers { #expect(headers.number(at: header + 48) == 0) }
  }

  @Test("every state of a block, in the map of a disk without a parent")
  func states() throws {
    var image = try VhdxBytes(size: 9 << 20)
    let data = image.bytes.count
    image.bytes += [UInt8](repeating: 9, count: VhdxFormatTests.mebibyte)
    let place = UInt64(data)
    for (block, value) in [0, 1, 2, 3, place | 4, 5, place | 6, place | 7, place | 2].enumerated() {
      image.put(value, at: image.map + block * 8)
    }
    let opened = try MemoryVhdx(image.bytes)
    for block in 0..<9 {
      let read = Result { try opened.edge.array(at: UInt64(block << 20 + 100), count: 10) }
      switch block {
      case 4, 7: #expect(throws: BlockError.self) { try read.get() }
      case 6: #expect(try read.get() == [UInt8](repeating: 9, count: 10))
      default: #expect(try read.get() == [UInt8](repeating: 0, count: 10))
      }
    }
    let found = try opened.check()
    #expect(found.result.corruptions == 2 && found.lines.count == 2, "\(found.lines)")
    // Offsets of zeros mean nothing, and are not written by us.
    try opened.edge.discard(at: 6 << 20, length: 1 << 20)
    try opened.edge.flush()
    #expect(VhdxBytes(opened.memory.bytes).number(at: image.map + 6 * 8) == 2)
  }

  @Test(
    "entries of bitmaps stand between those of blocks: disks that need more than one", arguments: [512, 4096])
  func interleaved(_ sector: UInt64) throws {
    // With blocks of 256 MiB, 16 (or 128) of them have their entries in a row.
    let options: OptionObject = [
      "block_size": 268_435_456, "logical_sector_size": OptionTree(sector), "block_state_zero": false,
    ]
    let perGroup = Int((sector << 23) >> 28)
    let image = try MemoryVhdx(size: UInt64(2 * perGroup + 1) << 28, options)
    // Nothing is stored of a disk this large but what the map says.
    var bytes = VhdxBytes(image.memory.bytes)
    let places = [0, perGroup - 1, perGroup, 2 * perGroup].map { $0 + $0 / perGroup }
    for (index, entry) in places.enumerated() {
      bytes.put(UInt64(bytes.bytes.count) + UInt64(index << 28) | 6, at: bytes.map + entry * 8)
    }
    let opened = try MemoryVhdx(bytes.bytes)
    for (index, block) in [0, perGroup - 1, perGroup, 2 * perGroup].enumerated() {
      let extent = try opened.edge.extent(at: UInt64(block) << 28, length: 512)
      #expect(extent.kind == .data)
      #expect(extent.location?.offset == UInt64(bytes.bytes.count) + UInt64(index << 28))
      let other = try opened.edge.extent(
        at: UInt64(block + (block == 2 * perGroup ? -1 : 1)) << 28, length: 512)
      if block != perGroup - 1 { #expect(other.kind != .data) }
    }
  }

  @Test("an image gets other ids when it is written, and none when it is read or only mended")
  func identity() throws {
    func ids(_ bytes: [UInt8]) -> (sequence: UInt64, file: UInt64, data: UInt64) {
      let image = VhdxBytes(bytes)
      let header = VhdxBytes.headers.max { image.number(at: $0 + 8) < image.number(at: $1 + 8) } ?? 0
      return (image.number(at: header + 8), image.number(at: header + 16), image.number(at: header + 32))
    }
    let image = try MemoryVhdx(size: 4 << 20, ["block_size": 1_048_576])
    let before = ids(image.memory.bytes)
    let bytes = image.memory.bytes
    _ = try image.edge.array(at: 0, count: 512)
    try image.edge.flush()
    #expect(image.memory.bytes == bytes)
    try image.edge.write(at: 0, [1])
    let after = ids(image.memory.bytes)
    #expect(after.file != before.file && after.data != before.data && after.sequence > before.sequence)
    try image.edge.write(at: 1 << 20, [1])
    #expect(ids(image.memory.bytes).data == after.data)
    try image.close()
    let closed = VhdxBytes(image.memory.bytes)
    #expect(
      closed.bytes[65536 + 16..<65536 + 4096] == closed.bytes[131_072 + 16..<131_072 + 4096],
      "both headers say the same")
    let mended = try MemoryVhdx(image.memory.bytes)
    _ = try mended.repair(.leaks)
    #expect(ids(mended.memory.bytes).data == after.data && ids(mended.memory.bytes).file != after.file)
  }

  @Test("disks grow and shrink, also where the map has to move; a crash leaves the old disk or the new")
  func lengths() throws {
    let image = try MemoryVhdx(size: 2 << 20, ["block_size": 1_048_576])
    try image.edge.write(at: 1 << 20, [UInt8](repeating: 7, count: 1000))
    try image.edge.truncate(to: 3 << 20)
    #expect(try image.edge.array(at: 1 << 20, count: 1000) == [UInt8](repeating: 7, count: 1000))
    let before = VhdxBytes(image.memory.bytes).map
    image.fault.record(from: image.memory.bytes)
    // 1 MiB of map has the entries of 131,040 blocks.
    try image.edge.truncate(to: 200_000 << 20)
    #expect(VhdxBytes(image.memory.bytes).map > before)
    try image.edge.write(at: 199_999 << 20, [5])
    try image.edge.flush()
    let history = try #require(image.fault.history)
    var random = SeededNumbers(seed: 3)
    for moment in stride(from: 0, through: history.count, by: 3) {
      let left = try MemoryVhdx(history.bytes(after: moment, losing: .someSectors, &random))
      #expect([3 << 20, 200_000 << 20].contains(left.edge.length))
      #expect(try left.edge.array(at: 1 << 20, count: 1000) == [UInt8](repeating: 7, count: 1000))
      #expect(try left.check().result.corruptions == 0)
      try left.close()
    }
    try image.close()
    let again = try MemoryVhdx(image.memory.bytes)
    #expect(again.edge.length == 200_000 << 20)
    #expect(try again.edge.array(at: 199_999 << 20, count: 2) == [5, 0])
    try again.edge.truncate(to: 1 << 20 + 512)
    #expect(try again.edge.array(at: 1 << 20, count: 512) == [UInt8](repeating: 7, count: 512))
    try again.edge.truncate(to: 2 << 20)
    #expect(try again.edge.array(at: 1 << 20, count: 2000).filter { $0 == 7 }.count == 512)
    #expect(try again.check().lines == [])
    let error = #expect(throws: BlockError.self) { try again.edge.truncate(to: 65 << 40) }
    #expect(error?.finding == "Image size too large; max of 64TB")
  }

  @Test("a fixed image has every block in a row, and its file is as long as disk and tables")
  func fixed() throws {
    let bytes = try VhdxBytes(size: 5 << 20, ["block_size": 2_097_152, "subformat": "fixed"])
    #expect(bytes.bytes.count == 4 << 20 + 6 << 20)
    for block in 0..<3 { #expect(bytes.number(at: bytes.map + block * 8) == UInt64(4 + block * 2) << 20 | 6) }
    let image = try MemoryVhdx(bytes.bytes)
    try image.edge.write(at: 4 << 20, [1])
    try image.edge.discard(at: 0, length: 4 << 20)
    try image.edge.truncate(to: 7 << 20)
    try image.close()
    #expect(image.memory.bytes.count == 4 << 20 + 8 << 20)
    #expect(try MemoryVhdx(image.memory.bytes).check().result == CheckResult())
  }

  @Test("of two copies the valid one counts, and a check tells of the other, and mends it")
  func copies() throws {
    let image = try MemoryVhdx(size: 2 << 20, ["block_size": 1_048_576])
    try image.edge.write(at: 0, [3])
    try image.close()
    let sound = VhdxBytes(image.memory.bytes)
    for (offsets, name) in [(VhdxBytes.headers, "header"), (VhdxBytes.tables, "region table")] {
      for (copy, offset) in offsets.enumerated() {
        var broken = sound
        broken.bytes[offset + 100] ^= 1
        let opened = try MemoryVhdx(broken.bytes)
        #expect(try opened.edge.array(at: 0, count: 1) == [3])
        let found = try opened.check()
        #expect(found.lines == ["ERROR: \(name) \(copy + 1) is not valid"])
        #expect(found.result.corruptions == 1)
        #expect(try opened.repair(.all).corruptionsFixed == 1)
        #expect(try MemoryVhdx(opened.memory.bytes).check().lines == [])
      }
    }
    var newer = sound
    newer.put(1 << 40, at: VhdxBytes.headers[0] + 8)
    newer.put(5, at: VhdxBytes.headers[0] + 64, 2)
    newer.seal(VhdxBytes.headers[0], 4096)
    #expect(throws: BlockError.self) { try MemoryVhdx(newer.bytes) }
    newer.put(1, at: VhdxBytes.headers[0] + 8)
    newer.seal(VhdxBytes.headers[0], 4096)
    #expect(try MemoryVhdx(newer.bytes).edge.array(at: 0, count: 1) == [3])
  }

  @Test("what can be made, and in which words the rest is refused")
  func creation() throws {
    let refusals: [(UInt64, OptionObject, String)] = [
      (1 << 20, ["block_size": 3_145_728], "Block size must be a power of two"),
      (1 << 20, ["log_size": 0], "Log size must be a multiple of 1 MB"),
      (1 << 20, ["log_size": 4_294_967_296], "Log size must be smaller than 4 GB"),
      (65 << 40, [:], "Image size too large; max of 64TB"),
      (1 << 20, ["subformat": "x"], "Parameter 'subformat' does not accept value 'x'"),
      (1 << 20, ["logical_sector_size": 1024], "The logical sector size must be 512 or 4096"),
      (1 << 20, ["preallocation": "metadata"], "Unsupported preallocation mode: metadata"),
    ]
    for (size, options, message) in refusals {
      let error = #expect(throws: BlockError.self) { try MemoryVhdx.bytes(size: size, options) }
      #expect(error?.finding == message)
    }
    for (size, blockSize) in [
      (1 << 20, 8), (1 << 30, 8), (1 << 30 + 512, 16), (100 << 30, 16), (100 << 30 + 512, 32), (32 << 40, 32),
      (32 << 40 + 512, 64), (64 << 40, 64),
    ] as [(UInt64, UInt64)] {
      let image = try VhdxBytes(size: size, [:])
      #expect(image.number(at: image.metadata + 65536, 4) == blockSize << 20, "\(size)")
      #expect(image.bytes.count <= 16 << 20)
    }
    for (stated, made) in [(512, 1 << 20), (1 << 30, 256 << 20)] as [(UInt64, UInt64)] {
      let image = try VhdxBytes(size: 1 << 20, ["block_size": OptionTree(stated)])
      #expect(image.number(at: image.metadata + 65536, 4) == made)
    }
    let empty = try MemoryVhdx(size: 0, ["block_size": "1M"])
    #expect(empty.edge.length == 0)
    #expect(try empty.check().lines == [])
  }
}
