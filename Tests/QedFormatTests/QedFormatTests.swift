// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import QedFormat
import Support
import Testing

extension QedFormat: PlainKind {}

/// A QED image in memory.
typealias MemoryQed = MemoryImage<QedFormat>

extension MemoryQed {
  /// Whether the header says that the image needs a check.
  var isMarked: Bool { memory.bytes[16] & 2 != 0 }
}

@Suite("QED")
struct QedFormatTests {
  static let small: OptionObject = ["cluster_size": "4k", "table_size": "1"]

  @Test(
    "keeps the contract of drivers",
    arguments: [small, ["cluster_size": "4k", "table_size": "2"], ["preallocation": "full"]]
      as [OptionObject],
    [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryQed(size: 3 << 20 + 1024, options)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 60)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryQed(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    let check = try again.check().result
    #expect(check.corruptions == 0 && check.leaks == 0)
  }

  @Test("over a backing file, zeros hide what is below, and what was not written shows it")
  func overlay() throws {
    let below = [UInt8](repeating: 7, count: 100_000)
    let image = try MemoryQed(MemoryQed.bytes(size: 200_704, QedFormatTests.small), below: below)
    let findings = try DriverConformance.check(image.edge, seed: 5, operations: 80)
    #expect(findings == [])
  }

  @Test("the mark is there from before the first change until the image is closed, and not for reading")
  func mark() throws {
    let image = try MemoryQed(size: 1 << 20, QedFormatTests.small)
    _ = try image.edge.array(at: 0, count: 4096)
    #expect(!image.isMarked)
    image.fault.record(from: image.memory.bytes)
    try image.edge.write(at: 0, [1])
    try image.edge.flush()
    #expect(image.isMarked)
    try image.close()
    #expect(!image.isMarked)
    try #require(image.fault.history).forEachStep { step in
      // The L1 table changes only while the mark is safe, and the mark goes only once everything is.
      if step.after[4096..<8192] != step.safe[4096..<8192] { #expect(step.safe[16] & 2 != 0) }
      if step.safe[16] & 2 != 0, step.after[16] & 2 == 0 {
        #expect(step.safe.dropFirst(64) == step.after.dropFirst(64))
      }
    }
  }

  @Test("an image that was not closed is mended before it is changed, and left alone when it is read")
  func recovery() throws {
    let image = try MemoryQed(size: 1 << 20, QedFormatTests.small)
    try image.edge.write(at: 0, [UInt8](repeating: 1, count: 8192))
    try image.close()
    var bytes = image.memory.bytes
    bytes[16] |= 2
    // The second cluster's entry leads nowhere.
    bytes[8192 + 8 + 7] = 0x70
    let reader = try MemoryQed(bytes, flags: [])
    #expect(try reader.edge.array(at: 0, count: 4096) == [UInt8](repeating: 1, count: 4096))
    try reader.close()
    #expect(reader.memory.bytes == bytes)
    let writer = try MemoryQed(bytes)
    try writer.edge.write(at: 65536, [2])
    try writer.close()
    #expect(!writer.isMarked)
    let again = try MemoryQed(writer.memory.bytes)
    #expect(try again.check().result.corruptions == 0)
    #expect(try again.edge.array(at: 0, count: 4096) == [UInt8](repeating: 1, count: 4096))
  }

  /// An empty image with a field, or several, changed: offset, width, value.
  private func changed(_ fields: [(Int, Int, UInt64)], cutTo count: Int? = nil) throws -> [UInt8] {
    let bytes = try MemoryQed.bytes(size: 4 << 20).littleChanged(fields)
    return Array(bytes.prefix(count ?? bytes.count))
  }

  static let broken: [([(Int, Int, UInt64)], String)] = [
    ([(0, 1, 0)], "Image not in QED format"), ([(4, 4, 65537)], "QED cluster size is invalid"),
    ([(4, 4, 2048)], "QED cluster size is invalid"), ([(4, 4, 1 << 27)], "QED cluster size is invalid"),
    ([(4, 4, 0)], "QED cluster size is invalid"), ([(8, 4, 3)], "QED table size is invalid"),
    ([(8, 4, 32)], "QED table size is invalid"), ([(8, 4, 0)], "QED table size is invalid"),
    ([(12, 4, 9)], "QED table offset is invalid"), ([(12, 4, 1 << 31)], "QED table offset is invalid"),
    ([(16, 8, 8)], "Unsupported QED features: 8"),
    ([(16, 8, 1 << 63)], "Unsupported QED features: 8000000000000000"),
    ([(40, 8, 0)], "QED table offset is invalid"), ([(40, 8, 65537)], "QED table offset is invalid"),
    ([(40, 8, 1 << 20)], "QED table offset is invalid"),
    ([(40, 8, 0xffff_ffff_ffff_0000)], "QED table offset is invalid"),
    ([(48, 8, 1)], "QED image size is invalid"), ([(48, 8, 1 << 63)], "QED image size is invalid"),
    ([(16, 8, 1), (56, 4, 65536), (60, 4, 1)], "QED backing filename offset is invalid"),
    ([(16, 8, 1), (56, 4, 64), (60, 4, 65536)], "QED backing filename offset is invalid"),
    ([(16, 8, 1), (56, 4, 0xffff_ffff), (60, 4, 0xffff_ffff)], "QED backing filename offset is invalid"),
    ([(16, 8, 1), (56, 4, 64), (60, 4, 2000)], "QED backing filename offset is invalid"),
  ]

  @Test("headers that make no sense are refused, in the words of qemu-img", arguments: broken)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = try changed(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryQed(bytes) }
    #expect(error?.message == message)
  }

  @Test("a file that ends in its header or its L1 table is refused", arguments: [3, 50, 64, 65536, 200_000])
  func truncated(_ count: Int) throws {
    let bytes = try changed([], cutTo: count)
    #expect(throws: BlockError.self) { _ = try MemoryQed(bytes) }
  }

  @Test("unknown features that may be ignored stay or go as the format says")
  func features() throws {
    let bytes = try changed([(24, 8, 5), (32, 8, 6)])
    let image = try MemoryQed(bytes)
    try image.edge.write(at: 0, [1])
    try image.close()
    #expect(image.memory.bytes[24] == 5 && image.memory.bytes[32] == 0)
  }

  @Test("another backing file's name never lies on the one that counts")
  func names() throws {
    let image = try MemoryQed(size: 1 << 20, ["backing_file": "a", "backing_fmt": "raw"])
    #expect(image.node.driver.formatInformation(of: image.node)?.backing?.name == "a")
    let long = String(repeating: "n", count: 1023)
    image.fault.record(from: image.memory.bytes)
    for (name, format) in [(long, "raw"), ("b", "qed"), (nil, nil)] as [(String?, String?)] {
      try image.edge.setBackingFile(name, format: format)
      let backing = image.node.driver.formatInformation(of: image.node)?.backing
      #expect(backing?.name == name && backing?.format == (format == "raw" ? "raw" : nil))
    }
    #expect(throws: BlockError.self) {
      try image.edge.setBackingFile(String(repeating: "n", count: 1024), format: "raw")
    }
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 3) { (moment, loss, bytes) in
      let left = try MemoryQed(bytes, flags: [])
      let name = left.node.driver.formatInformation(of: left.node)?.backing?.name
      #expect(["a", long, "b", nil].contains(name))
    }
  }

  @Test("leaks and duplicates are mended")
  func repair() throws {
    let image = try MemoryQed(size: 8 << 20, QedFormatTests.small)
    for block in 0..<6 {
      try image.edge.write(at: UInt64(block) * 4096, [UInt8](repeating: UInt8(block + 1), count: 4096))
    }
    try image.edge.write(at: 4 << 20, [9])
    try image.close()
    var bytes = image.memory.bytes
    // The third cluster is where the first is, and the fifth is not in use.
    for index in 0..<8 {
      bytes[8192 + 16 + index] = bytes[8192 + index]
      bytes[8192 + 32 + index] = 0
    }
    let broken = try MemoryQed(bytes)
    let found = try broken.check().result
    #expect(found.corruptions == 1 && found.leaks == 2)
    _ = try broken.repair(.all)
    let after = try broken.check().result
    #expect(after.corruptions == 0 && after.leaks == 0)
    for (block, byte) in [(0, 1), (1, 2), (2, 1), (3, 4), (4, 0), (5, 6), (1024, 9)] as [(UInt64, UInt8)] {
      #expect(try broken.edge.array(at: block * 4096, count: 1) == [byte])
    }
  }

  @Test("grows across an entry of the L1 table and back, and is emptied")
  func lengths() throws {
    let image = try MemoryQed(size: 1 << 20, QedFormatTests.small)
    try image.edge.write(at: (1 << 20) - 512, [UInt8](repeating: 3, count: 512))
    for size in [5 << 20, 64 << 20, 1 << 30, 1 << 20] as [UInt64] {
      try image.edge.truncate(to: size)
      #expect(image.edge.length == size)
      #expect(try image.edge.array(at: (1 << 20) - 512, count: 512) == [UInt8](repeating: 3, count: 512))
    }
    #expect(throws: BlockError.self) { try image.edge.truncate(to: 2 << 30) }
    #expect(throws: BlockError.self) { try image.edge.truncate(to: 1000) }
    try image.edge.makeEmpty()
    #expect(try image.edge.array(at: 0, count: 1 << 20).consists(of: 0))
    #expect(image.memory.bytes.count == 8192)
    let check = try image.check().result
    #expect(check.corruptions == 0 && check.leaks == 0 && check.allocatedClusters == 0)
  }

  @Test("a header of any bytes behind the magic opens or is refused, and what opens can be read")
  func anyHeader() throws {
    let whole = try MemoryQed.bytes(size: 1 << 20, QedFormatTests.small)
    var numbers = SeededNumbers(seed: 4)
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        bytes[Int.random(in: 4..<64, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      guard let image = try? MemoryQed(bytes, flags: []) else { continue }
      _ = try? image.edge.array(at: 0, count: 4096)
      if image.edge.length < 1 << 30 { _ = try? image.check().result }
    }
  }
}
