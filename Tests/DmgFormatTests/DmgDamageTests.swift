// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Support
import Testing

@testable import DmgFormat

/// Images with one defect each.
@Suite("DMG damage")
struct DmgDamageTests {
  /// Fields of the trailer, and the error with which opening fails; `#` stands for a number that depends on the sample.
  static let trailers: [([(Int, Int, UInt64)], String)] = [
    ([(-512 + 0, 1, 0)], "Could not locate UDIF trailer in dmg file"),
    ([(-512 + 4, 4, 5)], "Could not locate UDIF trailer in dmg file"),
    ([(-512 + 8, 4, 513)], "Could not locate UDIF trailer in dmg file"),
    ([(-512 + 60, 4, 2)], "the image is made of 2 files, of which this is number 1"),
    ([(-512 + 60, 4, .max)], "the image is made of 4294967295 files, of which this is number 1"),
    ([(-512 + 24, 8, .max)], "the data fork (offset #, length #) lies outside every file"),
    ([(-512 + 32, 8, 1 << 63)], "the data fork (offset #, length #) lies outside every file"),
    ([(-512 + 216, 8, .max)], "the property list (offset #, length #) lies outside every file"),
    ([(-512 + 216, 8, 1 << 40)], "the property list (offset #, length #) lies past the end of the file"),
    ([(-512 + 224, 8, .max)], "the property list (offset #, length #) lies outside every file"),
    ([(-512 + 224, 8, 1 << 33)], "the property list (offset #, length #) lies past the end of the file"),
    ([(-512 + 224, 8, 0)], "the image has neither a property list nor a resource fork"),
    (
      [(-512 + 224, 8, 700)],
      "the property list: the XML text is not well-formed in line 4 (Extra content at the end of the document)"
    ),
    ([(-512 + 48, 8, 5)], "the resource fork is only 5 bytes long"),
    ([(-512 + 48, 8, 1 << 40)], "the resource fork (offset #, length #) lies past the end of the file"),
    (
      [(-512 + 40, 8, .max), (-512 + 48, 8, 2)],
      "the resource fork (offset #, length #) lies outside every file"
    ),
    ([(-512 + 492, 8, .max)], "the disk of # sectors is longer than a disk can be"),
    ([(-512 + 492, 8, 1 << 55)], "the disk of # sectors is longer than a disk can be"),
    ([(-512 + 492, 8, 1 << 63)], "the disk of # sectors is longer than a disk can be"),
  ]

  /// The message with `#` in place of every number of three digits or more, and of 0 and 2.
  private func plain(_ text: String?) -> String {
    var result = ""
    for word in (text ?? "").split(separator: " ", omittingEmptySubsequences: false) {
      let digits = String(word.filter(\.isNumber))
      let isNumber = digits.count >= 3 || digits == "0" || digits == "2"
      if !result.isEmpty { result += " " }
      result += isNumber ? String(word).replacing(digits, with: "#") : String(word)
    }
    return result
  }

  @Test("B-03 trailers that make no sense are refused, naming the field", arguments: trailers)
  func trailer(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = DmgFormatTests.sample().bytes.bigChanged(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryDmg(bytes, flags: []) }
    #expect(plain(error?.message) == plain(message), "\(error?.message ?? "")")
  }

  /// A sample that is broken by a closure, by the name of the defect.
  static let tables: [(String, @Sendable (inout DmgSample) -> Void, String)] = [
    (
      "count", { $0.tables[0].count = .max },
      "a table of chunks says that it has 4294967295 entries, and has 17"
    ),
    ("one more", { $0.tables[0].count = 18 }, "a table of chunks says that it has 18 entries, and has 17"),
    (
      "first sector", { $0.tables[0].sector = .max },
      "chunk 0 (8 sectors from sector 0) goes on past the end of every disk"
    ),
    (
      "start", { $0.tables[0].chunks[1].sector = .max - 3 },
      "chunk 1 (8 sectors from sector 18446744073709551612) goes on past the end of every disk"
    ),
    (
      "sectors", { $0.tables[0].chunks[1].sectors = 1 << 63 },
      "chunk 1 (9223372036854775808 sectors from sector 8) goes on past the end of every disk"
    ),
    (
      "offset", { $0.tables[0].chunks[1].offset = .max },
      "chunk 1 (offset 18446744073709551615, length 4096) lies outside every file"
    ),
    (
      "length", { $0.tables[0].chunks[0].length = .max },
      "chunk 0 (offset 0, length 18446744073709551615) lies outside every file"
    ),
    (
      "long", { $0.tables[0].chunks[0].length = 64 << 20 + 1 },
      "length 67108865 for chunk 0 is larger than max (67108864)"
    ),
    (
      "bomb", { $0.tables[0].chunks[0].sectors = 131_073 },
      "sector count 131073 for chunk 0 is larger than max (131072)"
    ),
    (
      "raw", { $0.tables[0].chunks[4].length = 4095 },
      "chunk 4 is raw and stores 4095 bytes for 8 sectors"
    ),
    ("overlap", { $0.tables[0].chunks[1].sector = 7 }, "chunks 0 and 1 overlap in sectors 7 to 7"),
    ("twice", { $0.tables[0].chunks[1].sector = 0 }, "chunks 0 and 1 overlap in sectors 0 to 7"),
    (
      "tables", { $0.tables.append($0.tables[0]) }, "chunks 0 and 16 overlap in sectors 0 to 7"
    ),
    (
      "base64", { $0.note = "<data>bWl*</data>" },
      "the property list has data that is not base64"
    ),
    (
      "cut base64", { $0.note = "<data>bWlza</data>" }, "the property list has data that is not base64"
    ),
    ("short", { $0.note = "<data>bWlzaAAA</data>" }, "a table of chunks is only 6 bytes long"),
    (
      "comment", { $0.note = "<!-- " },
      "the property list: the XML text is not well-formed in line 6 (Comment not terminated)"
    ),
    (
      "markup", { $0.note = "<![CDATA[ " },
      "the property list: the XML text is not well-formed in line 4 (Extra content at the end of the document)"
    ),
  ]

  @Test("B-03 tables that make no sense are refused, naming the chunk", arguments: tables.map(\.0))
  func table(_ name: String) throws {
    let (_, damage, message) = try #require(DmgDamageTests.tables.first { $0.0 == name })
    var sample = DmgFormatTests.sample()
    // One that may have any length.
    sample.tables[0].chunks[1] = DmgSample.Chunk(.raw, at: 8, Array(DmgFormatTests.disk(65536)[4096..<8192]))
    damage(&sample)
    let bytes = sample.bytes
    let error = #expect(throws: BlockError.self) { _ = try MemoryDmg(bytes, flags: []) }
    #expect(error?.message == message)
  }

  @Test("a resource fork whose lengths make no sense is refused")
  func fork() throws {
    var sample = DmgFormatTests.sample()
    sample.hasFork = true
    let bytes = sample.bytes
    let place = Int(Buffer(bytes).bytes.big64(at: bytes.count - 512 + 40))
    for (field, message) in [
      ((place, 4, UInt64(UInt32.max)), "the resource fork's data (offset 4294967295"),
      ((place + 8, 4, UInt64(UInt32.max)), "the resource fork's data (offset 256"),
      (
        (place + 256, 4, UInt64(UInt32.max)),
        "a resource (offset 256, length 4294967295) lies past the fork's end"
      ),
    ] {
      let error = #expect(throws: BlockError.self) { _ = try MemoryDmg(bytes.bigChanged([field]), flags: []) }
      #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }
  }

  /// How a chunk of 4096 bytes is damaged, and what is said of it.
  static let chunks: [(DmgSample.Kind, @Sendable (inout DmgSample.Chunk) -> Void, String)] = [
    (.zlib, { $0.stored.removeLast(30) }, "compressed data is damaged (it ends too early)"),
    (.zlib, { $0.stored = [1, 2, 3, 4] }, "compressed data is damaged (no zlib header)"),
    (.zlib, { $0.stored = [] }, "compressed data is damaged (it ends too early)"),
    (.zlib, { $0.sectors = 7 }, "compressed data holds more than the expected 3584 bytes"),
    (
      .zlib, { $0.stored = CloopSample.deflated([UInt8](repeating: 1, count: 4000)) },
      "compressed data holds 4000 bytes where 4096 are expected"
    ),
    (.bzip2, { $0.stored.removeLast(30) }, "compressed data is damaged (it ends too early)"),
    (.bzip2, { $0.stored = [1, 2, 3, 4, 5] }, "compressed data is damaged (no bzip2 header)"),
    (.bzip2, { $0.stored[30] ^= 0x55 }, "compressed data is damaged (bzip2 error -4)"),
    (.bzip2, { $0.sectors = 7 }, "compressed data holds more than the expected 3584 bytes"),
    (
      .bzip2, { $0.stored = DmgSample.Kind.bzip2.stored([1, 2, 3]) },
      "compressed data holds 3 bytes where 4096 are expected"
    ),
    (.xz, { $0.stored.removeLast(30) }, "compressed data is damaged (it does not end with byte 4096)"),
    (.xz, { $0.stored = [UInt8](repeating: 3, count: 60) }, "compressed data is damaged (no xz header)"),
    (.xz, { $0.stored[40] ^= 0x55 }, "compressed data is damaged (LZMA)"),
    (.xz, { $0.sectors = 7 }, "compressed data is damaged (it does not end with byte 3584)"),
    (
      .xz, { $0.stored = DmgSample.Kind.xz.stored([1, 2, 3]) },
      "compressed data holds 3 bytes where 4096 are expected"
    ),
    (.adc, { $0.stored.removeLast(1) }, "compressed data is damaged (it ends too early)"),
    (.adc, { $0.stored = [0x00, 0x00] }, "compressed data is damaged (reference to before its start)"),
    (
      .adc, { $0.stored = [0x80, 7, 0x40, 0, 1] },
      "compressed data is damaged (reference to before its start)"
    ),
    (.adc, { $0.stored = [0x80, 7, 0x40] }, "compressed data is damaged (it ends too early)"),
    (.adc, { $0.stored = [0x80, 7] }, "compressed data holds 1 bytes where 4096 are expected"),
    (.adc, { $0.sectors = 7 }, "compressed data holds more than the expected 3584 bytes"),
    (.zlib, { $0.type = 0x8000_0009 }, "its type 0x80000009 is not known"),
    (.zlib, { $0.offset = 1 << 40 }, "lies past the end of the file"),
    (.raw, { $0.offset = 1 << 40 }, "lies past the end of the file"),
  ]

  @Test(
    "B-03 chunks that cannot be decoded are errors that name them, and the rest is read",
    arguments: 0..<chunks.count)
  func chunk(_ number: Int) throws {
    let (kind, damage, message) = DmgDamageTests.chunks[number]
    let disk = DmgFormatTests.disk(12288)
    var chunks: [DmgSample.Chunk] = []
    for index in 0..<3 {
      let content = Array(disk[index * 4096..<index * 4096 + 4096])
      chunks.append(DmgSample.Chunk(index == 1 ? kind : .zlib, at: UInt64(index * 8), content))
    }
    damage(&chunks[1])
    let image = try MemoryDmg(DmgSample([DmgSample.Table(chunks)]).bytes, flags: [.checking])
    #expect(try image.edge.array(at: 0, count: 4096) == Array(disk[..<4096]))
    #expect(try image.edge.array(at: 8192, count: 4096) == Array(disk[8192...]))
    for (offset, count) in [(4096, 3584), (5000, 10)] as [(UInt64, Int)] {
      let error = #expect(throws: BlockError.self) { _ = try image.edge.array(at: offset, count: count) }
      #expect(error?.message.hasPrefix("chunk 1 (sectors 8 to 1") == true)
      #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }
    let found = try image.check()
    #expect(found.result.corruptions + found.result.checkErrors >= 1)
    let isTold = found.lines.contains { $0.hasPrefix("ERROR: chunk 1 (") && $0.contains(message) }
    #expect(isTold, "\(found.lines)")
  }

  @Test("a file that is cut anywhere is refused or read as far as it goes", arguments: [false, true])
  func cut(_ hasFork: Bool) throws {
    var sample = DmgFormatTests.sample(8192)
    sample.hasFork = hasFork
    let bytes = sample.bytes
    for count in stride(from: 0, to: bytes.count, by: 61) {
      #expect(throws: BlockError.self) { _ = try MemoryDmg(Array(bytes.prefix(count)), flags: []) }
    }
  }

  @Test("images of Apple's other kinds are refused by what they are")
  func others() throws {
    let zeroes = [UInt8](repeating: 0, count: 4096)
    for (bytes, word) in [
      (Array("encrcdsa".utf8) + zeroes, "encrypted"), (zeroes + Array("cdsaencr".utf8), "encrypted"),
      (Array("sprs\0\0\0\u{3}".utf8) + zeroes, "sparse"),
    ] {
      let error = #expect(throws: BlockError.self) { _ = try MemoryDmg(bytes, flags: []) }
      #expect(error?.message.contains(word) == true && error?.kind == .unsupported && error?.advice != nil)
    }
    let error = #expect(throws: BlockError.self) { _ = try MemoryDmg([1, 2, 3], flags: []) }
    #expect(error?.message == "dmg file must be at least 512 bytes long")
  }

  @Test("any table at all neither traps nor takes more than the file has", arguments: 1...4)
  func anything(_ seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed)
    var sample = DmgFormatTests.sample(16384)
    sample.hasFork = seed % 2 == 0
    let bytes = sample.bytes
    for _ in 0..<300 {
      var broken = bytes
      for _ in 0..<Int.random(in: 1...6, using: &numbers) {
        let offset = Int.random(in: 0..<broken.count, using: &numbers)
        broken[offset] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &numbers)].randomElement(using: &numbers)
          ?? 0
      }
      guard let image = try? MemoryDmg(broken, flags: [.checking]) else { continue }
      _ = try? image.check()
      _ = try? image.edge.array(at: 0, count: Int(min(image.edge.length, 1 << 16)))
    }
  }
}
