// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing
import VhdxFormat

/// The log: what it asks for is read through, written before a change, and refused where it cannot be meant.
@Suite struct VhdxLogTests {
  private static let mebibyte = 1 << 20

  /// An image of four blocks, none of them present, with two blocks of bytes at the end of the file.
  private static func image() throws -> VhdxBytes {
    var image = try VhdxBytes(size: 4 << 20)
    image.bytes += [UInt8](repeating: 1, count: mebibyte) + [UInt8](repeating: 2, count: mebibyte)
    return image
  }

  private static func place(_ number: Int) -> UInt64 { UInt64(4 + number) << 20 }

  /// The first byte of each block as it is read without writing, which is the same once it has been written.
  private func blocks(_ image: VhdxBytes) throws -> [UInt8] {
    let read = try MemoryVhdx(image.bytes, flags: [])
    let found = try (0..<4).map { try read.edge.array(at: UInt64($0) << 20, count: 1)[0] }
    #expect(read.memory.bytes == image.bytes && read.memory.record.writes == 0)
    #expect(read.node.driver.formatInformation(of: read.node)?.isDirty == (image.number(at: 65536 + 48) != 0))
    #expect(try read.check().lines == [])
    let written = try MemoryVhdx(image.bytes)
    #expect(try (0..<4).map { try written.edge.array(at: UInt64($0) << 20, count: 1)[0] } == found)
    try written.close()
    let after = VhdxBytes(written.memory.bytes)
    for header in VhdxBytes.headers { #expect(after.number(at: header + 48) == 0) }
    let again = try MemoryVhdx(after.bytes, flags: [])
    #expect(try (0..<4).map { try again.edge.array(at: UInt64($0) << 20, count: 1)[0] } == found)
    #expect(again.node.driver.formatInformation(of: again.node)?.isDirty == false)
    return found
  }

  @Test("one entry, with sectors and zeros")
  func single() throws {
    var image = try VhdxLogTests.image()
    image.put(VhdxLogTests.place(0) | 6, at: image.map)
    #expect(try blocks(image) == [1, 0, 0, 0])
    let changes = [
      image.mapSector(1, VhdxLogTests.place(1) | 6), .zero(VhdxLogTests.place(0), 4096),
    ]
    image.addEntry(changes)
    #expect(try blocks(image) == [0, 2, 0, 0])
  }

  @Test("several entries from the tail to the latest; the ones before the tail do not count")
  func several() throws {
    var image = try VhdxLogTests.image()
    // Each has one sector of the map: 8 KiB.
    image.addEntry(at: 0, sequence: 5, [image.mapSector(3, VhdxLogTests.place(0) | 6)])
    var second = image
    second.put(VhdxLogTests.place(0) | 6, at: image.map + 8)
    image.addEntry(at: 8192, sequence: 6, [second.mapSector(0, 2)])
    image.addEntry(at: 16384, tail: 8192, sequence: 7, [second.mapSector(2, VhdxLogTests.place(1) | 6)])
    #expect(try blocks(image) == [0, 1, 2, 0])
    // One of another session, and one of a lower number, change nothing.
    var stale = image
    stale.addEntry(at: 32768, sequence: 900, id: 78, [image.mapSector(0, VhdxLogTests.place(0) | 6)])
    stale.putInHeaders(77, at: 48)
    stale.addEntry(at: 65536, sequence: 3, [image.mapSector(0, VhdxLogTests.place(0) | 6)])
    #expect(try blocks(stale) == [0, 1, 2, 0])
    // Where the latest is torn, the one before is.
    var torn = image
    torn.bytes[image.log + 16384 + 5000] ^= 1
    #expect(try blocks(torn) == [0, 1, 0, 0])
    // Where the tail is, nothing of that run counts; nor where the header names no log.
    torn.bytes[image.log + 8192 + 5000] ^= 1
    #expect(try blocks(torn) == [0, 0, 0, 1])
    image.putInHeaders(0, at: 48)
    #expect(try blocks(image) == [0, 0, 0, 0])
  }

  @Test("an entry goes on at the start of the ring, and a run does")
  func wrapped() throws {
    var image = try VhdxLogTests.image()
    let end = VhdxLogTests.mebibyte
    image.addEntry(at: end - 4096, sequence: 1, [image.mapSector(0, VhdxLogTests.place(0) | 6)])
    #expect(try blocks(image) == [1, 0, 0, 0])
    var next = image
    next.put(VhdxLogTests.place(0) | 6, at: image.map)
    image.addEntry(at: 4096, tail: end - 4096, sequence: 2, [next.mapSector(1, VhdxLogTests.place(1) | 6)])
    #expect(try blocks(image) == [1, 2, 0, 0])
  }

  @Test("a log that is named and has no whole entry asks for nothing")
  func empty() throws {
    var image = try VhdxLogTests.image()
    image.putInHeaders(77, at: 48)
    #expect(try blocks(image) == [0, 0, 0, 0])
    image.addEntry([image.mapSector(0, VhdxLogTests.place(0) | 6)])
    for damage in [0, 8, 20, 40, 70, 4096, 4100, 8191] {
      var broken = image
      broken.bytes[image.log + damage] ^= 1
      #expect(try blocks(broken) == [0, 0, 0, 0], "\(damage)")
    }
    // The same with the right checksum: sequence numbers and marks count, too.
    for damage in [64, 88, 4096, 4100, 8188] {
      var broken = image
      broken.addEntry([image.mapSector(0, VhdxLogTests.place(0) | 6)]) { $0.bytes[damage] ^= 1 }
      #expect(try blocks(broken) == [0, 0, 0, 0], "\(damage)")
    }
  }

  @Test("the file comes to have the length that the log states")
  func lengthened() throws {
    var image = try VhdxLogTests.image()
    image.addEntry(length: 8 << 20, [image.mapSector(0, 7 << 20 | 6)])
    #expect(try blocks(image) == [0, 0, 0, 0])
    let written = try MemoryVhdx(image.bytes)
    #expect(written.memory.bytes.count == 8 << 20)
    #expect(try written.repair(.all).corruptionsFixed == 1)
  }

  static let refusals: [(VhdxBytes.Change, UInt64?, UInt64?, String)] = [
    (.zero(65536, 4096), nil, nil, "the VHDX log changes 4096 bytes at offset 65536, where it must not"),
    (.zero(0, 2 << 20), nil, nil, "the VHDX log changes 2097152 bytes at offset 0, where it must not"),
    (.zero(1 << 20, 4096), nil, nil, "the VHDX log changes 4096 bytes at offset 1048576, where it must not"),
    (.zero(4 << 20, 100), nil, nil, "the VHDX log changes 100 bytes at offset 4194304, where it must not"),
    (
      .zero(4 << 20 + 1, 4096), nil, nil,
      "the VHDX log changes 4096 bytes at offset 4194305, where it must not"
    ),
    (
      .zero(1 << 63, 4096), nil, nil,
      "the VHDX log changes 4096 bytes at offset 9223372036854775808, where it must not"
    ),
    (
      .zero(4096 << 20, .max - 4095), nil, nil,
      "the VHDX log changes 18446744069414584319 bytes at offset 4294967296, where it must not"
    ),
    (
      .zero(4 << 20, 4096), 7 << 20, nil,
      "the file has 6291456 bytes, and 7340032 when the VHDX log was written: it has been truncated"
    ),
    (.zero(4 << 20, 4096), nil, 1 << 63, "the VHDX log wants a file of 9223372036854775808 bytes"),
  ]

  @Test("a log that leads where it must not is refused, and nothing is changed", arguments: refusals)
  func refused(_ change: VhdxBytes.Change, _ flushed: UInt64?, _ length: UInt64?, _ message: String) throws {
    var image = try VhdxLogTests.image()
    image.addEntry(flushed: flushed, length: length, [change])
    for flags in [[], .writable] as [NodeFlags] {
      let error = #expect(throws: BlockError.self) { try MemoryVhdx(image.bytes, flags: flags) }
      #expect(error?.finding == message)
    }
  }

  @Test("entries that contain each other, or tails that lead nowhere, end in bounded time")
  func hostile() throws {
    var image = try VhdxLogTests.image()
    for place in stride(from: 0, to: VhdxLogTests.mebibyte, by: 4096) {
      var entry = VhdxBytes([UInt8](repeating: 0, count: 64))
      entry.bytes.replaceSubrange(0..<4, with: Array("loge".utf8))
      entry.put(UInt64(VhdxLogTests.mebibyte), at: 8, 4)
      entry.put(UInt64((place + 4096) % VhdxLogTests.mebibyte), at: 12, 4)
      entry.put(UInt64(place / 4096 + 1), at: 16)
      entry.put(77, at: 32)
      image.bytes.replaceSubrange(image.log + place..<image.log + place + 64, with: entry.bytes)
    }
    image.putInHeaders(77, at: 48)
    let error = #expect(throws: BlockError.self) { try MemoryVhdx(image.bytes, flags: []) }
    #expect(error?.finding == "the entries of the VHDX log contain each other")
  }

  @Test("any bytes in a log that the header names open or are refused")
  func noise() throws {
    var numbers = SeededNumbers(seed: 4)
    var image = try VhdxLogTests.image()
    image.addEntry(at: 0, sequence: 1, [image.mapSector(0, VhdxLogTests.place(0) | 6)])
    image.addEntry(at: 8192, tail: 0, sequence: 2, [.zero(5 << 20, 8192)])
    for _ in 0..<60 {
      var broken = image
      let entry = Bool.random(using: &numbers) ? 0 : 8192
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let offset = Int.random(in: 8..<128, using: &numbers)
        broken.bytes[image.log + entry + offset] = UInt8.random(in: 0...255, using: &numbers)
      }
      broken.seal(image.log + entry, entry == 0 ? 8192 : 4096)
      do {
        _ = try MemoryVhdx(broken.bytes, flags: []).edge.array(at: 0, count: 4096)
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  // MARK: Our own log

  /// Writes, zeros and discards of ranges of whole sectors that do not overlap.
  private func change(_ edge: Edge, _ numbers: inout SeededNumbers) throws {
    for block in 0..<4 {
      let offset = UInt64(block << 20 + Int.random(in: 0..<100, using: &numbers) * 4096)
      switch Int.random(in: 0..<5, using: &numbers) {
      case 0, 1:
        try edge.write(
          at: offset, [UInt8](repeating: UInt8.random(in: 1...255, using: &numbers), count: 4096))
      case 2: try edge.discard(at: UInt64(block) << 20, length: 1 << 20)
      case 3: try edge.writeZeroes(at: offset, length: 8192, mayUnmap: true)
      default: try edge.flush()
      }
    }
    try edge.flush()
  }

  @Test(
    "B-02 a crash at any moment leaves each sector old or new, and an image that is sound", arguments: 1...3)
  func crash(_ seed: Int) throws {
    var numbers = SeededNumbers(seed: UInt64(seed))
    let length = 4 << 20
    let image = try MemoryVhdx(size: UInt64(length), ["block_size": 1_048_576])
    for _ in 0..<2 { try change(image.edge, &numbers) }
    let before = try image.edge.array(at: 0, count: length)
    image.fault.record(from: image.memory.bytes)
    for _ in 0..<2 { try change(image.edge, &numbers) }
    let after = try image.edge.array(at: 0, count: length)
    try image.close()
    let history = try #require(image.fault.history)
    for moment in 0...history.count {
      let losses: [StorageHistory.Loss] = [.nothing, .everything, .someSectors]
      let left = history.bytes(after: moment, losing: losses[moment % 3], &numbers)
      let read = try MemoryVhdx(left, flags: [])
      let content = try read.edge.array(at: 0, count: length)
      let written = try MemoryVhdx(left)
      let isSame = try written.edge.array(at: 0, count: length) == content
      #expect(isSame, "\(moment)")
      let check = try written.check()
      #expect(check.lines == [], "\(moment)")
      // Between two moments of safety a range has been changed twice; what is neither is a zero in between.
      let isRight = stride(from: 0, to: length, by: 512).allSatisfy { start in
        let sector = content[start..<start + 512]
        return sector == before[start..<start + 512] || sector == after[start..<start + 512]
          || sector.allSatisfy { $0 == sector.first }
      }
      #expect(isRight, "\(moment)")
      for open in [read, written] { try open.close() }
    }
    let last = try MemoryVhdx(image.memory.bytes, flags: [])
    let isLast = try last.edge.array(at: 0, count: length) == after
    #expect(isLast)
  }

  @Test("B-02 no entry of the map changes before an entry of the log that the header names has it, safe")
  func order() throws {
    var numbers = SeededNumbers(seed: 9)
    let image = try MemoryVhdx(size: 4 << 20, ["block_size": 1_048_576])
    let map = VhdxBytes(image.memory.bytes).map
    image.fault.record(from: image.memory.bytes)
    for _ in 0..<4 { try change(image.edge, &numbers) }
    try image.close()
    var changes = 0
    try #require(image.fault.history).forEachStep { step in
      guard step.alone.count > map + 4096, step.safe[map..<map + 4096] != step.alone[map..<map + 4096] else {
        return
      }
      changes += 1
      let replayed = try MemoryVhdx(step.safe, flags: [])
      let shown = try #require(replayed.node.file).array(at: UInt64(map), count: 4096)
      #expect(shown == Array(step.alone[map..<map + 4096]), "\(step.number)")
    }
    #expect(changes > 2)
  }
}
