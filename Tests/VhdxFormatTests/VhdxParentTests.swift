// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing
import VhdxFormat

/// Images that stand on a parent.
@Suite struct VhdxParentTests {
  private static let child: OptionObject = [
    "block_size": 1_048_576, "backing_file": "base.vhdx", "backing_fmt": "vhdx",
  ]

  /// What lies below: noise, shorter than the disks.
  private static let base: [UInt8] = {
    var numbers = SeededNumbers(seed: 5)
    return SampleDisk.noise(2_500_000, &numbers).array
  }()

  private func child(_ options: OptionObject = [:], size: UInt64 = 4 << 20) throws -> MemoryVhdx {
    var all = VhdxParentTests.child
    for entry in options.entries { all[entry.key] = entry.value }
    return try MemoryVhdx(try MemoryVhdx.bytes(size: size, all), below: VhdxParentTests.base)
  }

  @Test(
    "B-04 keeps the contract of drivers over a parent",
    arguments: [[:], ["logical_sector_size": 4096]] as [OptionObject], [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try child(options, size: 3 << 20 + 4096)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 60, mayHaveHoles: true)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryVhdx(image.memory.bytes, below: VhdxParentTests.base)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    #expect(try again.check().lines == [])
  }

  @Test(
    "B-04 a bit, the lowest first, says of each sector whether it is the child's", arguments: [512, 4096])
  func bits(_ sector: Int) throws {
    let image = try child(["logical_sector_size": OptionTree(UInt64(sector))])
    for number in [0, 9, 204] {
      try image.edge.write(at: UInt64(1 << 20 + number * sector), [UInt8](repeating: 7, count: sector))
    }
    try image.close()
    let bytes = VhdxBytes(image.memory.bytes)
    let perBlock = 1 << 20 / sector
    let group = sector << 3
    #expect(bytes.number(at: bytes.map + 8) & 7 == 7)
    let entry = bytes.number(at: bytes.map + group * 8)
    #expect(entry & 7 == 6)
    let start = Int(entry & ~0xf_ffff) + perBlock / 8
    #expect(bytes.bytes[start] == 1 && bytes.bytes[start + 1] == 2 && bytes.bytes[start + 204 / 8] == 1 << 4)
    #expect(bytes.bytes[start..<start + perBlock / 8].reduce(0) { $0 + $1.nonzeroBitCount } == 3)
  }

  @Test("every state of a block over a parent: what was never stored shows it, what was discarded does not")
  func states() throws {
    var image = VhdxBytes(try MemoryVhdx.bytes(size: 9 << 20, VhdxParentTests.child))
    let place = UInt64(image.bytes.count)
    image.bytes += [UInt8](repeating: 9, count: 1 << 20)
    for (block, value) in [0, 1, 2, 3, place | 4, 5, place | 6].enumerated() {
      image.put(value, at: image.map + block * 8)
    }
    let base = [UInt8](repeating: 4, count: 9 << 20)
    let opened = try MemoryVhdx(image.bytes, below: base)
    for (block, byte) in [4, 0, 0, 0, nil, 0, 9, 4].enumerated() as EnumeratedSequence<[UInt8?]> {
      let read = Result { try opened.edge.array(at: UInt64(block << 20 + 100), count: 1) }
      if let byte {
        #expect(try read.get() == [byte], "\(block)")
      } else {
        #expect(throws: BlockError.self) { try read.get() }
      }
    }
  }

  @Test("emptied, the parent shows through; without it, what it did not store is zero, and what it did stays")
  func emptied() throws {
    let image = try child()
    try image.edge.write(at: 1 << 20 + 512, [UInt8](repeating: 7, count: 1024))
    try image.edge.writeZeroes(at: 0, length: 1 << 20, mayUnmap: true)
    try image.edge.setBackingFile(nil, format: nil)
    try image.close()
    let alone = try MemoryVhdx(image.memory.bytes)
    var wanted = [UInt8](repeating: 0, count: 4 << 20)
    wanted.replaceSubrange(1 << 20 + 512..<1 << 20 + 1536, with: [UInt8](repeating: 7, count: 1024))
    let isAlone = try alone.edge.array(at: 0, count: 4 << 20) == wanted
    #expect(isAlone)
    #expect(try alone.check().lines == [] && alone.check().result.leaks == 0)
    #expect(alone.node.driver.formatInformation(of: alone.node)?.backing == nil)

    let other = try child()
    try other.edge.write(at: 0, [UInt8](repeating: 7, count: 3 << 20))
    try other.edge.makeEmpty()
    let shows = try other.edge.array(at: 0, count: 2_500_000) == VhdxParentTests.base
    #expect(shows)
    #expect(other.memory.bytes.count == 4 << 20)
  }

  @Test("another parent is named with one entry of the log: at any moment it is the old one or the new")
  func renamed() throws {
    let image = try child()
    try image.edge.write(at: 0, [1])
    image.fault.record(from: image.memory.bytes)
    let long = String(repeating: "x", count: 200) + "/other.vhdx"
    try image.edge.setBackingFile(long, format: "vhdx")
    try image.close()
    let history = try #require(image.fault.history)
    var numbers = SeededNumbers(seed: 2)
    var names: Set<String> = []
    for moment in 0...history.count {
      let left = try MemoryVhdx(
        history.bytes(after: moment, losing: .someSectors, &numbers), below: VhdxParentTests.base, flags: [])
      let reference = try #require(left.node.driver.formatInformation(of: left.node)?.backing)
      names.insert(reference.name)
      #expect(reference.format == "vhdx" && reference.staysInFolder)
    }
    #expect(names == ["base.vhdx", long])
    let foreign = #expect(throws: BlockError.self) {
      try MemoryVhdx(image.memory.bytes).edge.setBackingFile("a", format: "raw")
    }
    #expect(foreign?.finding == "The backing file of a vhdx image must be one itself")
  }

  @Test(
    "under another name the parent is the same: the image's content keeps its id, and the file gets another one"
  )
  func sameParent() throws {
    let image = try child()
    try image.edge.write(at: 0, [1])
    try image.close()
    let bytes = image.memory.bytes
    let moved = try MemoryVhdx(bytes)
    try moved.edge.setBackingFile("moved.vhdx", format: "vhdx")
    try moved.close()
    for header in VhdxBytes.headers {
      func ids(_ bytes: [UInt8]) -> [[UInt8]] {
        [16, 32].map { Array(bytes[header + $0..<header + $0 + 16]) }
      }
      let (before, after) = (ids(bytes), ids(moved.memory.bytes))
      #expect(before[0] != after[0] && before[1] == after[1])
    }
    let alone = try MemoryVhdx(bytes)
    try alone.edge.setBackingFile(nil, format: nil)
    try alone.close()
    let header = VhdxBytes.headers[0]
    #expect(alone.memory.bytes[header + 32..<header + 48] != bytes[header + 32..<header + 48])
  }

  @Test("a longer locator leaves items alone that are not known")
  func otherItems() throws {
    let image = try child()
    try image.close()
    var changed = VhdxBytes(image.memory.bytes)
    let table = changed.metadata
    // The locator is the last of six items; a seventh follows right behind it.
    let locator = 32 + 5 * 32
    let end = Int(changed.number(at: table + locator + 16, 4) + changed.number(at: table + locator + 20, 4))
    let foreign = [UInt8]((1...32).map { UInt8($0) })
    changed.bytes.put(foreign, at: table + end)
    changed.bytes.put([UInt8](repeating: 0xab, count: 16), at: table + 32 + 6 * 32)
    changed.put(UInt64(end), at: table + 32 + 6 * 32 + 16, 4)
    changed.put(32, at: table + 32 + 6 * 32 + 20, 4)
    changed.put(7, at: table + 10, 2)
    let opened = try MemoryVhdx(changed.bytes, below: VhdxParentTests.base)
    let long = String(repeating: "x", count: 90) + ".vhdx"
    try opened.edge.setBackingFile(long, format: "vhdx")
    try opened.close()
    #expect(Array(opened.memory.bytes[table + end..<table + end + 32]) == foreign)
    let again = try MemoryVhdx(opened.memory.bytes, below: VhdxParentTests.base, flags: [])
    #expect(again.node.driver.formatInformation(of: again.node)?.backing?.name == long)
  }

  /// The locator of a new image has two keys: their entries stand from 20 on, their texts from 44 on.
  private static func defect(
    _ name: String, _ message: String, _ value: UInt64, at field: Int, _ width: Int
  ) -> VhdxDamageTests.Defect {
    VhdxDamageTests.Defect(name, message) { $0.put(value, at: $0.metadata + 0x11000 + field, width) }
  }

  static let locators: [VhdxDamageTests.Defect] = [
    defect(
      "kind",
      "the VHDX parent locator is of the kind 00000000-d19e-4a81-b789-25b8e9445913, which is not known", 0,
      at: 0, 4),
    defect("count", "the VHDX parent locator has 65535 keys", 0xffff, at: 18, 2),
    defect(
      "key", "a key of the VHDX parent locator (offset 4294967295, 28 bytes) is where none can be",
      0xffff_ffff,
      at: 20, 4),
    defect(
      "value", "a value of the VHDX parent locator (offset 4294967295, 76 bytes) is where none can be",
      0xffff_ffff,
      at: 24, 4),
    defect(
      "odd", "a key of the VHDX parent locator (offset 44, 27 bytes) is where none can be", 27, at: 28, 2),
    defect(
      "empty", "a value of the VHDX parent locator (offset 72, 0 bytes) is where none can be", 0, at: 30, 2),
    defect("surrogate", "a value of the VHDX parent locator is no text", 0xd800, at: 72, 2),
    defect("zero", "a value of the VHDX parent locator is no text", 0, at: 72, 2),
    defect("names", "the VHDX parent locator names no file", 1, at: 18, 2),
  ]

  @Test("a locator that makes no sense is told in one line", arguments: locators)
  func refused(_ defect: VhdxDamageTests.Defect) throws {
    var image = VhdxBytes(try MemoryVhdx.bytes(size: 4 << 20, VhdxParentTests.child))
    defect.apply(&image)
    let error = #expect(throws: BlockError.self) { try MemoryVhdx(image.bytes) }
    #expect(error?.finding == defect.message)
  }
}
