// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import QcowFormat

extension QcowFormat: PlainKind {}

/// A qcow image in memory.
typealias MemoryQcow = MemoryImage<QcowFormat>

@Suite("QCOW")
struct QcowFormatTests {
  /// Clusters of 512 bytes and tables of 64 entries.
  static func tiny(size: UInt64) throws -> [UInt8] {
    let bytes = try MemoryQcow.bytes(size: size)
    let tables = Int((size + 32767) / 32768)
    let length = max(bytes.count, 48 + tables * 8)
    return (bytes + [UInt8](repeating: 0, count: length - bytes.count)).bigChanged([(32, 1, 9), (33, 1, 6)])
  }

  @Test(
    "keeps the contract of drivers", arguments: [[:], ["preallocation": "full"]] as [OptionObject],
    [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryQcow(size: 3 << 20 + 1024, options)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 60)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryQcow(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    let check = try again.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
  }

  @Test("over a backing file, what was not written shows what is below", arguments: [5, 6] as [UInt64])
  func overlay(_ seed: UInt64) throws {
    let below = [UInt8](repeating: 7, count: 100_000)
    let bytes = try MemoryQcow.bytes(size: 200_704, ["backing_file": "base"])
    let image = try MemoryQcow(bytes, below: below)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 80)
    #expect(findings == [])
    let small = try MemoryQcow(QcowFormatTests.tiny(size: 200_704), below: below)
    let others = try DriverConformance.check(small.edge, seed: seed, operations: 80)
    #expect(others == [])
  }

  static let broken: [([(Int, Int, UInt64)], String)] = [
    ([(0, 1, 0)], "Image not in qcow format"),
    ([(4, 4, 0)], "qcow (v0) does not support qcow version 0"),
    ([(4, 4, 2)], "qcow (v2) does not support qcow version 2"),
    ([(4, 4, 0xffff_ffff)], "qcow (v4294967295) does not support qcow version 4294967295"),
    ([(24, 8, 0)], "Image size is too small (must be at least 2 bytes)"),
    ([(24, 8, 1)], "Image size is too small (must be at least 2 bytes)"),
    ([(24, 8, 1 << 49)], "Image too large"), ([(24, 8, 1 << 63)], "Image too large"),
    ([(24, 8, .max)], "Image too large"), ([(24, 8, .max), (32, 1, 16), (33, 1, 13)], "Image too large"),
    ([(24, 8, 1 << 57), (32, 1, 16), (33, 1, 13)], "Image too large"),
    ([(32, 1, 0)], "Cluster size must be between 512 and 64k"),
    ([(32, 1, 8)], "Cluster size must be between 512 and 64k"),
    ([(32, 1, 17)], "Cluster size must be between 512 and 64k"),
    ([(32, 1, 64)], "Cluster size must be between 512 and 64k"),
    ([(32, 1, 255)], "Cluster size must be between 512 and 64k"),
    ([(33, 1, 0)], "L2 table size must be between 512 and 64k"),
    ([(33, 1, 5)], "L2 table size must be between 512 and 64k"),
    ([(33, 1, 14)], "L2 table size must be between 512 and 64k"),
    ([(33, 1, 255)], "L2 table size must be between 512 and 64k"),
    ([(36, 4, 2)], "invalid encryption method in qcow header"),
    ([(36, 4, 0x0100_0000)], "invalid encryption method in qcow header"),
    ([(36, 4, 0xffff_ffff)], "invalid encryption method in qcow header"),
    ([(36, 4, 1)], "Parameter 'encrypt.key-secret' is required for cipher"),
    ([(40, 8, 0)], "the L1 table (offset 0) lies in the header"),
    ([(40, 8, 47)], "the L1 table (offset 47) lies in the header"),
    ([(40, 8, 1 << 63)], "the L1 table (offset 9223372036854775808) lies outside every file"),
    ([(40, 8, .max)], "the L1 table (offset 18446744073709551615) lies outside every file"),
    ([(8, 8, 48), (16, 4, 1024)], "Backing file name too long"),
    ([(8, 8, 48), (16, 4, 0xffff_ffff)], "Backing file name too long"),
    (
      [(8, 8, .max), (16, 4, 5)],
      "the backing file's name (offset 18446744073709551615) lies outside every file"
    ),
    (
      [(8, 8, 1 << 63), (16, 4, 5)],
      "the backing file's name (offset 9223372036854775808) lies outside every file"
    ),
  ]

  @Test("B-03 headers that make no sense are refused, in qemu-img's words where it does", arguments: broken)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = try MemoryQcow.bytes(size: 10 << 20).bigChanged(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryQcow(bytes) }
    #expect(error?.message == message)
  }

  @Test("odd headers that are none the worse for it")
  func odd() throws {
    let bytes = try MemoryQcow.bytes(size: 10 << 20)
    for (fields, size) in [
      ([(24, 8, 2)], 0), ([(24, 8, 0x7ff)], 1536), ([(34, 2, 0xffff)], 10 << 20), ([(20, 4, 77)], 10 << 20),
      ([(8, 8, 48), (16, 4, 1023)], 10 << 20), ([(16, 4, 0xffff_ffff)], 10 << 20),
      ([(8, 8, 1 << 40), (16, 4, 5)], 10 << 20),
    ] as [([(Int, Int, UInt64)], UInt64)] {
      let image = try MemoryQcow(bytes.bigChanged(fields), flags: [])
      #expect(image.edge.length == size)
      _ = try image.edge.array(at: 0, count: Int(size))
    }
    for count in [48, 50, 80] {
      let image = try MemoryQcow(Array(bytes.prefix(count)))
      #expect(try image.edge.array(at: 0, count: 10 << 20).consists(of: 0))
      try image.edge.write(at: 9 << 20, [1, 2, 3])
      #expect(try image.edge.array(at: 9 << 20, count: 3) == [1, 2, 3])
      try image.close()
      #expect(try MemoryQcow(image.memory.bytes).check().lines == [])
    }
  }

  /// An image of 10 MiB with clusters 0, 1, 2 and 600, each full of its number and one more: tables at 4096 and 20480,
  /// clusters at 8192, 12288, 16384 and 24576.
  static func stored() throws -> [UInt8] {
    let image = try MemoryQcow(size: 10 << 20)
    for (cluster, byte) in [(0, 1), (1, 2), (2, 3), (600, 4)] as [(UInt64, UInt8)] {
      try image.edge.write(at: cluster << 12, [UInt8](repeating: byte, count: 4096))
      try image.edge.flush()
    }
    try image.close()
    return image.memory.bytes
  }

  static let findings: [([(Int, Int, UInt64)], String)] = [
    ([(4104, 8, 1 << 40)], "ERROR: block 1 lies past the end of the file (1099511627776)"),
    ([(4104, 8, 0x7fff_ffff_ffff_fe00)], "ERROR: block 1 has no place (0x7ffffffffffffe00)"),
    ([(4104, 8, 12289)], "ERROR: block 1 has no place (0x3001)"),
    ([(4104, 8, 12289 + 511)], "ERROR: block 1 lies past the end of the file (0)"),
    ([(4104, 8, 8192)], "ERROR: block 1 is where another is (8192)"),
    ([(4104, 8, 8704)], "ERROR: block 1 is where another is (8704)"),
    ([(4104, 8, 4096)], "ERROR: block 1 is where another is (4096)"),
    ([(4104, 8, 1)], "ERROR: block 1 has no place (0x1)"),
    ([(4104, 8, 1 << 63)], "ERROR: block 1 has no place (0x8000000000000000)"),
    ([(4104, 8, 1 << 63 | 1 << 51 | 40)], "ERROR: block 1 has no place (0x8008000000000028)"),
    (
      [(4104, 8, 1 << 63 | 100 << 51 | 1 << 40)],
      "ERROR: block 1 lies past the end of the file (9448553117734928384)"
    ),
    ([(4104, 8, .max)], "ERROR: block 1 lies past the end of the file (18446744073709551615)"),
    ([(56, 8, 1 << 40)], "ERROR: block map directory entry 1 lies past the end of the file (1099511627776)"),
    ([(56, 8, 4096)], "ERROR: block map directory entry 1 is where another is (4096)"),
    ([(56, 8, 1 << 63)], "ERROR: block map directory entry 1 has no place (0x8000000000000000)"),
    ([(56, 8, 20481)], "ERROR: block map directory entry 1 has no place (0x5001)"),
    ([(56, 8, 48)], "ERROR: block map directory entry 1 has no place (0x30)"),
  ]

  @Test(
    "B-03 entries that make no sense are found and mended, and the rest stays as it was", arguments: findings)
  func mends(_ fields: [(Int, Int, UInt64)], _ line: String) throws {
    // An unaligned place that ends in a whole sector is a place.
    guard line != "ERROR: block 1 lies past the end of the file (0)" else { return }
    let bytes = try QcowFormatTests.stored().bigChanged(fields)
    let broken = try MemoryQcow(bytes, flags: [.writable, .checking, .unmap])
    let found = try broken.check()
    #expect(found.lines.first == line && found.result.corruptions >= 1, "\(found.lines)")
    _ = try broken.repair(.all)
    try broken.close()
    let after = try MemoryQcow(broken.memory.bytes)
    let check = try after.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
    for (cluster, byte) in [(0, 1), (2, 3)] as [(UInt64, UInt8)] {
      #expect(try after.edge.array(at: cluster << 12, count: 1) == [byte])
    }
    let findings = try DriverConformance.check(after.edge, seed: 4, operations: 10)
    #expect(findings == [])
  }

  @Test(
    "B-03 what the end of the file cuts short is found, and what is left of it kept",
    arguments: [1, 511, 4095])
  func shortFile(_ missing: Int) throws {
    // Cluster 600 is the last thing in the file.
    let bytes = try QcowFormatTests.stored()
    let broken = try MemoryQcow(Array(bytes.dropLast(missing)), flags: [.writable, .checking, .unmap])
    let found = try broken.check()
    #expect(found.lines == ["ERROR: block 600 lies past the end of the file (24576)"])
    #expect(found.result.corruptions == 1)
    _ = try broken.repair(.all)
    try broken.close()
    let after = try MemoryQcow(broken.memory.bytes)
    #expect(try after.check().lines == [])
    #expect(try after.edge.array(at: 600 << 12, count: 4096 - missing).consists(of: 4))
  }

  @Test("a file may end behind the end of the disk inside the last cluster")
  func shortDisk() throws {
    let image = try MemoryQcow(size: 4096 + 1536)
    try image.edge.write(at: 4096, [UInt8](repeating: 6, count: 1536))
    try image.close()
    #expect(try MemoryQcow(Array(image.memory.bytes.dropLast(2560))).check().lines == [])
    #expect(try MemoryQcow(Array(image.memory.bytes.dropLast(2561))).check().result.corruptions == 1)
  }

  @Test("leaks are given back")
  func leaks() throws {
    let broken = try MemoryQcow(QcowFormatTests.stored().bigChanged([(4096, 8, 0), (56, 8, 0)]))
    #expect(try broken.check().result.leaks == 3)
    _ = try broken.repair(.leaks)
    #expect(try broken.check().result.leaks == 0)
    #expect(try broken.edge.array(at: 8192, count: 1) == [3])
    #expect(broken.memory.bytes.count == 4096 + 3 * 4096)
  }

  @Test("another backing file's name never lies on the one that counts")
  func names() throws {
    let image = try MemoryQcow(size: 1 << 20, ["backing_file": "a"])
    try image.edge.write(at: 5000, [1])
    let long = String(repeating: "n", count: 1023)
    image.fault.record(from: image.memory.bytes)
    for name in [long, "b", nil, "c"] as [String?] {
      try image.edge.setBackingFile(name, format: nil)
      #expect(image.node.driver.formatInformation(of: image.node)?.backing?.name == name)
      try image.edge.write(at: 200_000, [1])
    }
    #expect(throws: BlockError.self) {
      try image.edge.setBackingFile(String(repeating: "n", count: 1024), format: nil)
    }
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 3) { (moment, loss, bytes) in
      let left = try MemoryQcow(bytes, flags: [])
      let name = left.node.driver.formatInformation(of: left.node)?.backing?.name
      #expect(["a", long, "b", nil, "c"].contains(name))
    }
    try image.close()
    let again = try MemoryQcow(image.memory.bytes)
    #expect(try again.check().lines == [])
    try again.edge.write(at: 0, [UInt8](repeating: 9, count: 100_000))
    #expect(again.node.driver.formatInformation(of: again.node)?.backing?.name == "c")
  }

  @Test("a shorter disk leaves nothing unused before an L1 table that stands behind its clusters")
  func shrinksBeforeTable() throws {
    let image = try MemoryQcow(size: 4 << 20)
    try image.edge.write(at: 0, [UInt8](repeating: 7, count: 4 << 20))
    try image.edge.truncate(to: 1 << 30)
    try image.edge.truncate(to: 1 << 20)
    try image.close()
    #expect(image.memory.bytes.count <= (1 << 20) + 4 * 4096)
    let again = try MemoryQcow(image.memory.bytes)
    #expect(try again.edge.array(at: 0, count: 1 << 20).consists(of: 7))
    try again.edge.write(at: 0, [UInt8](repeating: 8, count: 1 << 20))
    let check = try again.check()
    #expect(check.lines == [] && check.result.leaks == 0)
    let findings = try DriverConformance.check(again.edge, seed: 5, operations: 20)
    #expect(findings == [])
  }

  @Test("grows beyond its L1 table and back, and is emptied")
  func lengths() throws {
    let image = try MemoryQcow(QcowFormatTests.tiny(size: 100_352))
    let content = (0..<98_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
    try image.edge.write(at: 1000, content)
    for size in [200_704, 4 << 20, 64 << 20, 1 << 20, 100_352] as [UInt64] {
      try image.edge.truncate(to: size)
      #expect(image.edge.length == size)
      #expect(try image.edge.array(at: 1000, count: content.count) == content)
      let check = try image.check()
      #expect(check.lines == [] && check.result.leaks <= 10)
      if size > 1 << 20 { try image.edge.write(at: size - 600, [UInt8](repeating: 5, count: 600)) }
    }
    try image.close()
    let again = try MemoryQcow(image.memory.bytes)
    let check = try again.check()
    #expect(check.lines == [])
    #expect(try again.edge.array(at: 1000, count: content.count) == content)
    #expect(throws: BlockError.self) { try again.edge.truncate(to: 1000) }
    #expect(throws: BlockError.self) { try again.edge.truncate(to: 0) }
    #expect(throws: BlockError.self) { try again.edge.truncate(to: 1 << 50) }
    try again.edge.makeEmpty()
    #expect(try again.edge.array(at: 0, count: 100_352).consists(of: 0))
    #expect(try again.check().result.allocatedClusters == 0)
  }

  @Test("a disk that grows over its backing file fills the place that its L1 table had")
  func growsOverBacking() throws {
    let below = [UInt8](repeating: 7, count: 1 << 20)
    let bytes = try MemoryQcow.bytes(size: 512, ["backing_file": "base"])
    let image = try MemoryQcow(bytes, below: below)
    try image.edge.truncate(to: 10_240_512)
    try image.close()
    let again = try MemoryQcow(image.memory.bytes, below: below)
    let check = try again.check()
    #expect(check.lines == [] && check.result.leaks == 0 && check.result.allocatedClusters == 2047)
    #expect(try again.edge.array(at: 512, count: 1 << 20).consists(of: 0))
  }

  @Test("a large disk that becomes small leaves no room of its L1 table")
  func smaller() throws {
    let image = try MemoryQcow(size: 1 << 38)
    try image.edge.write(at: 0, [UInt8](repeating: 7, count: 8192))
    try image.edge.truncate(to: 1 << 20)
    try image.close()
    let after = try MemoryQcow(image.memory.bytes)
    #expect(try after.check().result.leaks == 0)
    #expect(try after.edge.array(at: 0, count: 8192) == [UInt8](repeating: 7, count: 8192))
    #expect(after.memory.bytes.count < 64 << 10)
  }

  @Test("B-02 a crash while the L1 table moves loses nothing")
  func growthCrash() throws {
    let image = try MemoryQcow(QcowFormatTests.tiny(size: 65536))
    let content = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
    try image.edge.write(at: 0, content)
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    try image.edge.truncate(to: 4 << 20)
    try image.edge.write(at: 3 << 20, [1])
    try image.close()
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 8) { (moment, loss, bytes) in
      let left = try MemoryQcow(bytes)
      #expect([65536, 4 << 20].contains(left.edge.length))
      #expect(try left.check().lines == [])
      #expect(try left.edge.array(at: 0, count: content.count) == content)
    }
  }

  @Test("disks longer than qemu-img opens get larger tables; an empty one takes nothing")
  func plans() throws {
    for (size, bits, length) in [
      (1, 12, 560), (10 << 20, 12, 560), (1 << 40, 12, 4_194_352), (600 << 40, 16, 9_830_448),
    ] as [(UInt64, UInt8, UInt64)] {
      let plan = try QcowPlan(size: size, [:])
      #expect(plan.header.clusterBits == bits && plan.fileLength == length)
    }
    #expect(throws: BlockError.self) { _ = try MemoryQcow(size: 0) }
    #expect(throws: BlockError.self) { _ = try QcowPlan(size: 1 << 58, [:]) }
  }

  @Test("a header of any bytes behind the magic opens or is refused, and what opens can be read")
  func noise() throws {
    let whole = try QcowFormatTests.stored()
    var numbers = SeededNumbers(seed: 4)
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        bytes[Int.random(in: 8..<96, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      for _ in 0..<Int.random(in: 0...3, using: &numbers) {
        bytes[Int.random(in: 4096..<4128, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      guard let image = try? MemoryQcow(bytes, flags: []) else { continue }
      _ = try? image.edge.array(at: 0, count: Int(min(image.edge.length, 16384)))
      if image.edge.length < 1 << 30 { _ = try? image.check().result }
    }
  }
}
