// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing
import VhdxFormat

/// Images that contradict themselves: each ends in one clear line.
@Suite struct VhdxDamageTests {
  /// One defect, and what is said of it.
  struct Defect: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let message: String
    let apply: @Sendable (inout VhdxBytes) -> Void

    init(_ name: String, _ message: String, _ apply: @escaping @Sendable (inout VhdxBytes) -> Void) {
      testDescription = name
      self.message = message
      self.apply = apply
    }
  }

  /// The region table's entries start at 16; the metadata's items are parameters, size, id, and the two sector sizes.
  static let defects: [Defect] = [
    Defect("no signature", "Image not in VHDX format") { $0.put(0, at: 0) },
    Defect("both headers without mark", "No valid VHDX header found") { $0.putInHeaders(0, at: 0, 4) },
    Defect("both headers with a wrong checksum", "No valid VHDX header found") { image in
      for header in VhdxBytes.headers { image.bytes[header + 4] ^= 1 }
    },
    Defect("version 2", "No valid VHDX header found") { $0.putInHeaders(2, at: 66, 2) },
    Defect("log version 1", "the VHDX log has version 1, which is not known") {
      $0.putInHeaders(1, at: 64, 2)
    },
    Defect("log in the headers", "the VHDX log (offset 0, 1048576 bytes) is where none can be") {
      $0.putInHeaders(0, at: 72)
    },
    Defect("log between mebibytes", "the VHDX log (offset 1052672, 1048576 bytes) is where none can be") {
      $0.putInHeaders(1 << 20 + 4096, at: 72)
    },
    Defect(
      "log past all files", "the VHDX log (offset 9223372036853727232, 1048576 bytes) is where none can be"
    ) { $0.putInHeaders(1 << 63 - 1 << 20, at: 72) },
    Defect("log of 4 GiB", "VHDX region 2097152-3145728 overlaps with region 1048576-4294967296") {
      $0.putInHeaders(0xfff0_0000, at: 68, 4)
    },
    Defect("both region tables without mark", "No valid VHDX region table found") {
      $0.putInTables(0, at: 0, 4)
    },
    Defect("both region tables with a wrong checksum", "No valid VHDX region table found") { image in
      for table in VhdxBytes.tables { image.bytes[table + 4] ^= 1 }
    },
    Defect("2048 regions", "No valid VHDX region table found") { $0.putInTables(2048, at: 8, 4) },
    Defect("4 billion regions", "No valid VHDX region table found") { $0.putInTables(.max, at: 8, 4) },
    Defect("no regions", "the VHDX region table names no metadata") { $0.putInTables(0, at: 8, 4) },
    Defect("no metadata region", "the VHDX region table names no metadata") { $0.putInTables(1, at: 8, 4) },
    Defect("no block map region", "the VHDX region table names no block map") { image in
      image.putInTables(5, at: 16, 8)
      image.putInTables(0, at: 16 + 28, 4)
    },
    Defect(
      "an unknown region that is required",
      "the VHDX region 00000005-0000-0000-9d64-115e9bfd4a08 is not known, and cannot be ignored"
    ) { $0.putInTables(5, at: 16, 8) },
    Defect("a region twice", "VHDX region 2097152-3145728 overlaps with region 2097152-3145728") { image in
      for table in VhdxBytes.tables {
        image.bytes.replaceSubrange(table + 48..<table + 80, with: image.bytes[table + 16..<table + 48])
      }
      image.sealTables()
    },
    Defect(
      "block map in the headers",
      "the VHDX region 2dc27766-f623-4200-9d64-115e9bfd4a08 (offset 0, 1048576 bytes) is where none can be"
    ) { $0.putInTables(0, at: 32, 8) },
    Defect(
      "block map between mebibytes",
      "the VHDX region 2dc27766-f623-4200-9d64-115e9bfd4a08 (offset 2097664, 1048576 bytes) is where none can be"
    ) { $0.putInTables(2 << 20 + 512, at: 32, 8) },
    Defect(
      "block map past all files",
      "the VHDX region 2dc27766-f623-4200-9d64-115e9bfd4a08 (offset 9223372036854775808, 1048576 bytes) is where "
        + "none can be"
    ) { $0.putInTables(1 << 63, at: 32, 8) },
    Defect("block map on the log", "VHDX region 1048576-2097152 overlaps with region 1048576-2097152") {
      $0.putInTables(1 << 20, at: 32, 8)
    },
    Defect(
      "block map without room", "the VHDX block map has room for 1 entries, and the disk needs 4"
    ) { $0.putInTables(8, at: 40, 4) },
    Defect("block map of no bytes", "the VHDX block map has room for 0 entries, and the disk needs 4") {
      $0.putInTables(0, at: 40, 4)
    },
    Defect("metadata of 1000 bytes", "the VHDX metadata region has 1000 bytes") {
      $0.putInTables(1000, at: 72, 4)
    },
    Defect("metadata behind the end", "the VHDX metadata table has no signature") {
      $0.putInTables(1 << 40, at: 64, 8)
    },
    Defect("metadata without signature", "the VHDX metadata table has no signature") {
      $0.put(0, at: $0.metadata)
    },
    Defect("2048 items", "the VHDX metadata table has 2048 items") { $0.put(2048, at: $0.metadata + 10, 2) },
    Defect("no items", "the VHDX metadata has no item 'file parameters'") {
      $0.put(0, at: $0.metadata + 10, 2)
    },
    Defect("no sector size", "the VHDX metadata has no item 'logical sector size'") {
      $0.put(3, at: $0.metadata + 10, 2)
    },
    Defect("no physical sector size", "the VHDX metadata has no item 'physical sector size'") {
      $0.put(4, at: $0.metadata + 10, 2)
    },
    Defect(
      "an unknown item that is required",
      "the VHDX metadata item 00000000-0000-0000-b3b6-33f0aa44e76b is not known, and cannot be ignored"
    ) { $0.putInItem(0, 0, at: 0, 8) },
    Defect("an item twice", "the VHDX metadata has two items 'file parameters'") { image in
      let table = image.metadata + 32
      image.bytes.replaceSubrange(table + 32..<table + 64, with: image.bytes[table..<table + 32])
    },
    Defect(
      "item in the table",
      "the VHDX metadata item 'file parameters' (offset 0, 8 bytes) is where none can be"
    ) { $0.putInItem(0, 0, at: 16, 4) },
    Defect(
      "item past the region",
      "the VHDX metadata item 'virtual disk size' (offset 4294967040, 8 bytes) is where none can be"
    ) { $0.putInItem(1, 0xffff_ff00, at: 16, 4) },
    Defect(
      "item across the region's end",
      "the VHDX metadata item 'virtual disk size' (offset 1048572, 8 bytes) is where none can be"
    ) { $0.putInItem(1, 1 << 20 - 4, at: 16, 4) },
    Defect(
      "item of 4 GiB",
      "the VHDX metadata item 'virtual disk id' (offset 65552, 4294967295 bytes) is where none can be"
    ) { $0.putInItem(2, 0xffff_ffff, at: 20, 4) },
    Defect(
      "item of no bytes",
      "the VHDX metadata item 'logical sector size' (offset 65568, 0 bytes) is where none can be"
    ) { $0.putInItem(3, 0, at: 20, 4) },
    Defect("block size 0", "the VHDX block size is 0") { $0.put(0, at: $0.metadata + 65536, 4) },
    Defect("block size 3 MiB", "the VHDX block size is 3145728") {
      $0.put(3 << 20, at: $0.metadata + 65536, 4)
    },
    Defect("block size 512", "the VHDX block size is 512") { $0.put(512, at: $0.metadata + 65536, 4) },
    Defect("block size 512 MiB", "the VHDX block size is 536870912") {
      $0.put(512 << 20, at: $0.metadata + 65536, 4)
    },
    Defect("sector size 0", "the VHDX logical sector size is 0") { $0.put(0, at: $0.metadata + 65568, 4) },
    Defect("sector size 1024", "the VHDX logical sector size is 1024") {
      $0.put(1024, at: $0.metadata + 65568, 4)
    },
    Defect("disk of more than 64 TiB", "Image size too large; max of 64TB") {
      $0.put(64 << 40 + 512, at: $0.metadata + 65544)
    },
    Defect("disk of 2^64 bytes", "Image size too large; max of 64TB") {
      $0.put(.max, at: $0.metadata + 65544)
    },
    Defect(
      "disk of 64 TiB, with a small map",
      "the VHDX block map has room for 131072 entries, and the disk needs 67125247"
    ) { $0.put(64 << 40, at: $0.metadata + 65544) },
    Defect("a parent without locator", "the VHDX metadata has no item 'parent locator'") {
      $0.put(2, at: $0.metadata + 65540, 4)
    },
  ]

  @Test("a defect is told in one line, whether the image is read or written", arguments: defects)
  func refused(_ defect: Defect) throws {
    var image = try VhdxBytes(size: 4 << 20)
    defect.apply(&image)
    for flags in [[], .writable] as [NodeFlags] {
      let error = #expect(throws: BlockError.self) { try MemoryVhdx(image.bytes, flags: flags) }
      #expect(error?.finding == defect.message)
    }
  }

  @Test("a file that ends anywhere in its tables is refused, or reads as zeros")
  func cut() throws {
    let image = try VhdxBytes(size: 4 << 20)
    for count in [
      0, 7, 8, 512, 65536, 70_000, 131_072, 200_000, 262_144, 1 << 20, 2 << 20, 3 << 20, 3 << 20 + 65540,
    ] {
      #expect(throws: BlockError.self, "\(count)") {
        let opened = try MemoryVhdx(Array(image.bytes[..<count]), flags: [])
        _ = try opened.edge.array(at: 0, count: 4096)
      }
    }
  }

  @Test("a first mebibyte and metadata of any bytes open or are refused, and what opens can be read")
  func noise() throws {
    var numbers = SeededNumbers(seed: 4)
    let whole = try VhdxBytes(size: 4 << 20)
    for _ in 0..<150 {
      var image = whole
      for _ in 0..<Int.random(in: 1...4, using: &numbers) {
        let area = [65536, 196_608, whole.metadata, whole.metadata + 65536, whole.map].randomElement(
          using: &numbers)
        let offset = (area ?? 0) + Int.random(in: 0..<200, using: &numbers)
        image.bytes[offset] = UInt8.random(in: 0...255, using: &numbers)
      }
      for header in VhdxBytes.headers { image.seal(header, 4096) }
      image.seal(VhdxBytes.tables[0], 65536)
      do {
        let opened = try MemoryVhdx(image.bytes)
        _ = try opened.check()
        _ = try opened.edge.array(at: 0, count: Int(min(opened.edge.length, 4 << 20)))
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  @Test("entries that share a place, or lead nowhere, are found one by one and mended")
  func entries() throws {
    let image = try MemoryVhdx(size: 4 << 20, ["block_size": 1_048_576])
    for block in 0..<4 {
      try image.edge.write(at: UInt64(block) << 20, [UInt8](repeating: UInt8(block + 1), count: 1 << 20))
    }
    try image.close()
    let sound = VhdxBytes(image.memory.bytes)
    let first = sound.number(at: sound.map)
    let cases: [(UInt64, String)] = [
      (first, "ERROR: block 2 is where another is (\(first))"),
      (9 << 20 | 6, "ERROR: block 2 lies past the end of the file (9437190)"),
      (2 << 20 | 6, "ERROR: block 2 has no place (0x200006)"),
      (0 << 20 | 6, "ERROR: block 2 has no place (0x6)"),
      (first - 2, "ERROR: block 2 has no place (0x\(String(first - 2, radix: 16)))"),
      (1 << 63 | 6, "ERROR: block 2 has no place (0x8000000000000006)"),
    ]
    for (value, line) in cases {
      var broken = sound
      broken.put(value, at: sound.map + 16)
      let opened = try MemoryVhdx(broken.bytes)
      let found = try opened.check()
      #expect(found.lines == [line])
      #expect(found.result.corruptions == 1)
      let repaired = try opened.repair(.all)
      #expect(repaired.corruptionsFixed == 1 && repaired.corruptions == 0)
      let again = try MemoryVhdx(opened.memory.bytes)
      #expect(try again.check().lines == [])
      #expect(try again.edge.array(at: 3 << 20, count: 100) == [UInt8](repeating: 4, count: 100))
      let byte: UInt8 = value == first ? 1 : 0
      #expect(try again.edge.array(at: 2 << 20, count: 1) == [byte])
    }
    var leaking = sound
    leaking.bytes += [UInt8](repeating: 0, count: 3 << 20)
    let opened = try MemoryVhdx(leaking.bytes)
    #expect(try opened.check().result.leaks == 3)
    #expect(try opened.repair(.leaks).leaksFixed == 3)
    #expect(opened.memory.bytes.count == sound.bytes.count)
  }
}
