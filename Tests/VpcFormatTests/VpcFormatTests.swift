// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import VpcFormat

extension VpcFormat: PlainKind {}

/// A VHD in memory.
typealias MemoryVpc = MemoryImage<VpcFormat>

extension [UInt8] {
  /// The same bytes with big-endian fields changed: offset, width, value. Checksums are made right afterwards.
  func vpcChanged(_ fields: [(Int, Int, UInt64)], mending sums: Bool = true) -> [UInt8] {
    var bytes = bigChanged(fields)
    if sums { bytes.mendSums() }
    return bytes
  }

  /// Makes the checksums right of footers and header where they usually stand.
  mutating func mendSums() {
    mendSum(0, 512, 64, VpcFooter.cookie)
    mendSum(count - 512, 512, 64, VpcFooter.cookie)
    mendSum(512, 1024, 36, VpcHeader.cookie)
  }

  private mutating func mendSum(_ start: Int, _ length: Int, _ field: Int, _ cookie: [UInt8]) {
    guard start >= 0, start + length <= count, Array(self[start..<start + 4]) == Array(cookie.prefix(4))
    else { return }
    var sum: UInt32 = 0
    for index in 0..<length where !(field..<field + 4).contains(index) {
      sum &+= UInt32(self[start + index])
    }
    for index in 0..<4 {
      self[start + field + index] = UInt8(truncatingIfNeeded: ~sum >> UInt32((3 - index) * 8))
    }
  }
}

@Suite("VHD")
struct VpcFormatTests {
  @Test("B-02 a repair leaves no entry behind the end of a disk that was being made shorter")
  func shortened() throws {
    let image = try MemoryVpc(size: 6 << 20)
    for block in 0..<3 as Range<UInt64> { try image.edge.write(at: block << 21, [1]) }
    try image.close()
    let bytes = image.memory.bytes
    let broken = try MemoryVpc(
      bytes.vpcChanged([(48, 8, 2 << 20), (bytes.count - 512 + 48, 8, 2 << 20)]),
      flags: [.writable, .checking])
    #expect(try broken.check().result.leaks == 2)
    _ = try broken.repair(.leaks)
    try broken.close()
    #expect(broken.memory.bytes[1540..<1548].consists(of: 0xff))
    #expect(broken.memory.bytes.count < bytes.count)
    let after = try MemoryVpc(broken.memory.bytes)
    #expect(try after.check().lines == [] && after.edge.array(at: 0, count: 2) == [1, 0])
  }

  @Test(
    "keeps the contract of drivers",
    arguments: [[:], ["subformat": "fixed"], ["preallocation": "full"], ["force_size": "off"]]
      as [OptionObject],
    [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryVpc(size: 5 << 20 | 1024, options)
    let findings = try DriverConformance.check(
      image.edge, seed: seed, operations: 60, mayHaveHoles: options["subformat"] != nil)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryVpc(image.memory.bytes)
    let same = try again.edge.array(at: 0, count: content.count)
    #expect(same == content)
    let check = try again.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
  }

  @Test("over a parent, only the sectors that are written have bits, and a crash leaves the others alone")
  func differencing() throws {
    let below = [UInt8](repeating: 7, count: 5 << 20)
    let bytes = try MemoryVpc.bytes(size: 5 << 20, ["backing_file": "base.vhd"])
    let image = try MemoryVpc(bytes, below: below)
    #expect(try DriverConformance.check(image.edge, seed: 5, operations: 80) == [])
    let other = try MemoryVpc(bytes, below: below)
    try other.edge.write(at: 1024, [UInt8](repeating: 1, count: 512))
    try other.edge.write(at: 2048 + 100, [2])
    try other.close()
    // Sectors 2 and 4 of the first block.
    let start = Int(other.memory.bytes[1536..<1540].reduce(0) { $0 << 8 | UInt64($1) }) * 512
    #expect(other.memory.bytes[start..<start + 2] == [0b0010_1000, 0])
    #expect(
      try MemoryVpc(other.memory.bytes, below: below).edge.array(at: 512, count: 512)
        == below[..<512].map { $0 })
  }

  @Test("geometries are those of the specification, and rounding finds the next that is exact")
  func geometry() {
    for (sectors, cylinders, heads, track) in [
      (2048, 30, 4, 17), (131072, 963, 8, 17), (2097152, 2080, 16, 63), (66_059_279, 65534, 16, 63),
      (266_338_320, 65279, 16, 255), (1 << 40, 65535, 16, 255),
    ] as [(UInt64, UInt16, UInt8, UInt8)] {
      let geometry = VpcGeometry(sectors: sectors)
      #expect(
        geometry == VpcGeometry(cylinders: cylinders, heads: heads, sectorsPerTrack: track), "\(sectors)")
    }
    // As `qemu-img` makes them.
    for (asked, made) in [
      (1 << 20, 1_079_296), (64 << 20, 67_125_248), (1 << 30, 1_073_995_776), (127 << 30, 136_365_219_840),
      (0, 0), (10 << 20, 10_514_432), (200 << 30, 200 << 30),
    ] as [(UInt64, UInt64)] {
      #expect(VpcGeometry.roundedLength(asked) == made)
    }
    var numbers = SeededNumbers(seed: 1)
    for _ in 0..<100_000 {
      let sectors = UInt64.random(in: 0..<300_000_000, using: &numbers)
      let geometry = VpcGeometry(sectors: sectors)
      #expect(geometry.length <= sectors * 512 && geometry.heads <= 16)
    }
  }

  @Test("a new image's footers are alike, and no two have the same id")
  func identity() throws {
    var ids: Set<[UInt8]> = []
    for _ in 0..<50 {
      let bytes = try MemoryVpc.bytes(size: 1 << 20)
      #expect(bytes.prefix(512) == bytes.suffix(512))
      ids.insert(Array(bytes[68..<84]))
    }
    #expect(ids.count == 50)
  }

  @Test(
    "either footer is enough to read an image, and changing it mends the other", arguments: [false, true])
  func recovery(_ isFront: Bool) throws {
    let image = try MemoryVpc(size: 8 << 20)
    try image.edge.write(at: 3 << 20, [UInt8](repeating: 4, count: 1000))
    try image.close()
    let sound = image.memory.bytes
    var bytes = sound
    bytes[isFront ? 30 : bytes.count - 500] ^= 1
    let reader = try MemoryVpc(bytes, flags: [])
    #expect(try reader.edge.array(at: 3 << 20, count: 1) == [4])
    #expect(try reader.check().lines.count == 1)
    let writer = try MemoryVpc(bytes)
    try writer.edge.write(at: 0, [1])
    try writer.close()
    let again = try MemoryVpc(writer.memory.bytes)
    #expect(try again.check().lines == [])
    #expect(try again.edge.array(at: 3 << 20, count: 1) == [4])
    let mended = try MemoryVpc(bytes)
    #expect(try mended.repair(.leaks).corruptions == 1)
    #expect(try mended.repair(.all).corruptionsFixed == 1)
    #expect(try mended.check().lines == [])
    try mended.close()
    #expect(try MemoryVpc(mended.memory.bytes).check().lines == [])
    // Without either there is nothing.
    bytes[isFront ? bytes.count - 500 : 30] ^= 1
    let error = #expect(throws: BlockError.self) { _ = try MemoryVpc(bytes) }
    #expect(error?.message == "Incorrect header checksum")
  }

  @Test("a repair gives up names that cannot be read, and keeps those of other systems")
  func locators() throws {
    let image = try MemoryVpc(size: 2 << 20, ["backing_file": "base.vhd"])
    let first = 512 + 576
    let broken = try MemoryVpc(
      image.memory.bytes.vpcChanged([
        (first + 16, 8, 1 << 40), (first + 5 * 24, 4, 0x4d61_6320), (first + 5 * 24 + 8, 4, 0xffff_ffff),
      ]), flags: [.writable, .checking])
    #expect(try broken.check().result.corruptions == 1)
    #expect(try broken.repair(.all).corruptionsFixed == 1)
    try broken.close()
    let after = try MemoryVpc(broken.memory.bytes)
    #expect(try after.check().lines == [])
    let kept = Array(broken.memory.bytes[first..<first + 8 * 24])
    #expect(kept.firstRange(of: [0x4d, 0x61, 0x63, 0x20]) != nil)
  }

  @Test("a disk that became shorter has as many entries as blocks, and nothing is lost where the table was")
  func entries() throws {
    // 2040 GiB: a table of 4 MiB, which is room for a block and a part.
    let image = try MemoryVpc(size: VpcFooter.largestDisk)
    for offset in [0, 5, 900, 1200] as [UInt64] { try image.edge.write(at: offset << 20, [7]) }
    try image.edge.truncate(to: 1000 << 20)
    try image.close()
    #expect(Array(image.memory.bytes[540..<544]) == [0, 0, 1, 0xf4])
    let shorter = try MemoryVpc(image.memory.bytes)
    #expect(try shorter.check().lines == [] && shorter.check().result.leaks == 0)
    #expect(shorter.memory.bytes.count < 9 << 20)
    try shorter.edge.truncate(to: 3 << 39)
    try shorter.edge.write(at: 1 << 40, [9])
    try shorter.close()
    let longer = try MemoryVpc(shorter.memory.bytes)
    #expect(try longer.check().lines == [] && longer.check().result.leaks == 0)
    for (offset, byte) in [(0, 7), (5, 7), (900, 7), (1200, 0), (1 << 20, 9)] as [(UInt64, UInt8)] {
      #expect(try longer.edge.array(at: offset << 20, count: 1) == [byte], "\(offset) MiB")
    }
  }

  @Test("a table that moved leaves no place for a block behind")
  func moved() throws {
    let image = try MemoryVpc(size: 11 << 37)
    try image.edge.write(at: 0, [7])
    try image.edge.truncate(to: 15 << 37)
    #expect(try image.check().result.leaks == 0)
  }

  @Test("the file ends with a footer at every moment, and each step leaves leaks at worst")
  func moments() throws {
    let image = try MemoryVpc(size: 12 << 20)
    try image.edge.write(at: 0, [UInt8](repeating: 3, count: 3000))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    for index in 1...3 {
      try image.edge.write(
        at: UInt64(index) * 2 << 20, [UInt8](repeating: UInt8(index), count: 5000))
      try image.edge.flush()
    }
    try image.edge.discard(at: 2 << 20, length: 2 << 20)
    try image.edge.truncate(to: 600 << 20)
    try image.edge.truncate(to: 9 << 20)
    try image.close()
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 6) { (moment, loss, bytes) in
      #expect(VpcFooter(parsing: Buffer(Array(bytes.suffix(512))).bytes) != nil, "\(moment), \(loss)")
      let left = try MemoryVpc(bytes)
      let check = try left.check()
      #expect(check.result.corruptions == 0, "\(moment), \(loss): \(check.lines)")
      // A change of the length is in one footer before it is in the other.
      let isUneven = bytes.prefix(512) != bytes.suffix(512)
      #expect(check.lines.count == (isUneven ? 1 : 0) && check.result.leaks >= check.lines.count)
      #expect(try left.edge.array(at: 0, count: 3000) == [UInt8](repeating: 3, count: 3000))
      if isUneven, moment % 2 == 0 {
        // What changes the image mends that, too.
        try left.edge.write(at: 0, [3])
      } else {
        #expect(try left.repair(.leaks).corruptions == 0)
      }
      #expect(try left.check().lines == [], "\(moment), \(loss)")
      #expect(left.memory.bytes.prefix(512) == left.memory.bytes.suffix(512))
      // An open image keeps its memory.
      try left.close()
    }
  }

  @Test("footers of two images are no change that was interrupted")
  func foreign() throws {
    let image = try MemoryVpc(size: 2 << 20)
    let count = image.memory.bytes.count
    let left = try MemoryVpc(image.memory.bytes.vpcChanged([(count - 512 + 68, 4, 1)]))
    #expect(try left.check().result.corruptions == 1)
    #expect(try left.repair(.leaks).corruptions == 1)
  }

  @Test("a fixed disk has one length or the other at every moment, and zeros where it became longer")
  func fixedMoments() throws {
    let lengths = [64 << 10, 96 << 10, 32 << 10, 33 << 10, 64 << 10 | 512] as [UInt64]
    let image = try MemoryVpc(size: lengths[0], ["subformat": "fixed"])
    try image.edge.write(at: 0, [UInt8](repeating: 3, count: Int(lengths[0])))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    for length in lengths.dropFirst() { try image.edge.truncate(to: length) }
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 11) { (moment, loss, bytes) in
      let left = try MemoryVpc(bytes, flags: [])
      #expect(lengths.contains(left.edge.length), "\(moment), \(loss)")
      #expect(try left.check().lines == [])
      let content = try left.edge.array(at: 0, count: Int(left.edge.length))
      let stored = content.firstIndex(of: 0) ?? content.count
      let isRight = content[..<stored].consists(of: 3) && content[stored...].consists(of: 0)
      #expect(isRight && stored >= 32 << 10, "\(moment), \(loss)")
      try left.close()
    }
  }

  @Test(
    "names of parents are looked for as they are and beside the image",
    arguments: [
      (".\\a.vhd", ["a.vhd"]), ("..\\x\\a.vhd", ["../x/a.vhd", "a.vhd"]), ("C:\\x\\a.vhd", ["a.vhd"]),
      ("\\\\server\\share\\a.vhd", ["a.vhd"]), ("/srv/a.vhd", ["/srv/a.vhd", "a.vhd"]),
      ("a:b.vhd", ["./a:b.vhd"]),
      ("\\", []), ("", []),
    ] as [(String, [String])])
  func names(_ name: String, _ candidates: [String]) {
    var names = VpcParentName()
    names.add(name)
    #expect(names.candidates == candidates)
  }

  @Test("emptying an image whose parent has changed leaves a file as short as a new one")
  func emptied() throws {
    let below = [UInt8](repeating: 7, count: 5 << 20)
    let bytes = try MemoryVpc.bytes(size: 5 << 20, ["backing_file": "base.vhd"])
    let image = try MemoryVpc(bytes, below: below)
    try image.edge.write(at: 0, [1])
    for name in ["b.vhd", "base.vhd", "c.vhd"] { try image.edge.setBackingFile(name, format: "vpc") }
    image.fault.record(from: image.memory.bytes)
    try image.edge.makeEmpty()
    try image.close()
    #expect(image.memory.bytes.count <= bytes.count)
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 8) { (moment, loss, bytes) in
      let left = try MemoryVpc(
        bytes, below: below, flags: [])
      #expect(left.node.driver.formatInformation(of: left.node)?.backing?.name == "c.vhd")
      let first = try left.edge.array(at: 0, count: 1)
      #expect(first == [1] || first == [7])
    }
  }

  @Test("another parent's name comes about at one moment, or not at all")
  func parents() throws {
    let image = try MemoryVpc(MemoryVpc.bytes(size: 5 << 20, ["backing_file": "a.vhd"]), below: [1, 2, 3])
    try image.edge.write(at: 0, [1])
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    for name in ["b.vhd", "folder/c.vhd", nil] { try image.edge.setBackingFile(name, format: nil) }
    #expect(throws: BlockError.self) { try image.edge.setBackingFile("x\\y.vhd", format: nil) }
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 9) { (moment, loss, bytes) in
      let left = try MemoryVpc(bytes, flags: [])
      let name = left.node.driver.formatInformation(of: left.node)?.backing?.name
      #expect(["a.vhd", "b.vhd", "folder/c.vhd", nil].contains(name), "\(moment), \(loss)")
      #expect(try left.edge.array(at: 0, count: 1) == [1])
    }
  }

  @Test(
    "footers and headers of any bytes open or are refused, and what opens can be read",
    arguments: [false, true])
  func anyBytes(_ isChild: Bool) throws {
    let options: OptionObject = isChild ? ["backing_file": "base.vhd"] : [:]
    let image = try MemoryVpc(MemoryVpc.bytes(size: 4 << 20, options))
    try image.edge.write(at: 0, [1])
    try image.close()
    let whole = image.memory.bytes
    var numbers = SeededNumbers(seed: 4)
    for _ in 0..<1500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let place =
          Bool.random(using: &numbers) ? 12..<72 : Bool.random(using: &numbers) ? 520..<600 : 1088..<1560
        bytes[Int.random(in: place, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      bytes.mendSums()
      guard let image = try? MemoryVpc(bytes, flags: []) else { continue }
      _ = try? image.edge.array(at: 0, count: 4096)
      if image.edge.length < 1 << 30 { _ = try? image.check().result }
    }
  }
}
