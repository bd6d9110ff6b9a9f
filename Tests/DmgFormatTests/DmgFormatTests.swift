// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import DmgFormat

extension DmgFormat: PlainKind {}

/// An Apple disk image in memory.
typealias MemoryDmg = MemoryImage<DmgFormat>

@Suite("DMG")
struct DmgFormatTests {
  /// What can be decoded everywhere.
  static let usual: [DmgSample.Kind] = [.zlib, .bzip2, .xz, .adc, .raw]

  /// A disk of text and noise.
  static func disk(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
    var numbers = SeededNumbers(seed: seed)
    var disk = SampleDisk.noise(count, &numbers).array
    for index in count / 3..<count * 2 / 3 { disk[index] = UInt8(truncatingIfNeeded: index / 700) }
    return disk
  }

  static func sample(_ count: Int = 65536, chunk: Int = 4096) -> DmgSample {
    DmgSample(of: disk(count), chunk: chunk, usual)
  }

  @Test("each way of storing chunks, alone and mixed", arguments: [512, 4096, 20480, 262_144])
  func reads(_ chunk: Int) throws {
    let disk = DmgFormatTests.disk(5 * chunk + 1024)
    for kinds in DmgFormatTests.usual.map({ [$0] }) + [DmgFormatTests.usual] {
      let image = try MemoryDmg(DmgSample(of: disk, chunk: chunk, kinds).bytes, flags: [])
      #expect(image.edge.length == UInt64(disk.count))
      #expect(try image.edge.array(at: 0, count: disk.count) == disk)
      var numbers = SeededNumbers(seed: 9)
      for _ in 0..<30 {
        let start = Int.random(in: 0..<disk.count, using: &numbers)
        let count = Int.random(in: 1...min(disk.count - start, 3 * chunk), using: &numbers)
        #expect(try image.edge.array(at: UInt64(start), count: count) == Array(disk[start..<start + count]))
      }
      let check = try image.check()
      #expect(check.lines == [] && check.result.corruptions == 0)
      let count = (disk.count + chunk - 1) / chunk
      let compressed = (0..<count).filter { kinds[$0 % kinds.count] != .raw }.count
      #expect(check.result.compressedClusters == UInt64(compressed))
      #expect(check.result.allocatedClusters == UInt64(count))
    }
  }

  @Test("zeros of both kinds, comments, no end, several tables, and any order")
  func shapes() throws {
    let disk = DmgFormatTests.disk(40960)
    let zeroes = [UInt8](repeating: 0, count: 8192)
    func part(_ kind: DmgSample.Kind, _ sector: UInt64, _ range: Range<Int>) -> DmgSample.Chunk {
      DmgSample.Chunk(kind, at: sector, Array(disk[range]))
    }
    let first = DmgSample.Table(
      at: 0,
      [
        DmgSample.Chunk(.comment, at: 0, []), part(.zlib, 0, 0..<8192),
        DmgSample.Chunk(.zero, at: 16, zeroes),
        part(.raw, 32, 8192..<16384),
      ])
    let second = DmgSample.Table(
      at: 48,
      [
        part(.bzip2, 16, 24576..<40960), DmgSample.Chunk(.comment, at: 0, []), part(.xz, 0, 16384..<24576),
        DmgSample.Chunk(.ignored, at: 48, zeroes), DmgSample.Chunk(.end, at: 64, []),
      ])
    let wanted = disk[..<8192] + zeroes + disk[8192...] + zeroes
    for tables in [[first, second], [second, first]] {
      for hasFork in [false, true] {
        for (lead, trail) in [(0, 0), (1024, 0), (777, 100), (0, 511)] {
          var sample = DmgSample(tables)
          (sample.hasFork, sample.lead, sample.trail, sample.lineLength) = (hasFork, lead, trail, lead / 20)
          let image = try MemoryDmg(sample.bytes, flags: [])
          #expect(try image.edge.array(at: 0, count: wanted.count) == Array(wanted))
          #expect(try image.check().lines == [])
          var kinds: [String] = []
          var position: UInt64 = 0
          while position < image.edge.length {
            let extent = try image.edge.extent(at: position, length: image.edge.length - position)
            kinds.append("\(extent.kind) \(extent.encoding) \(extent.location != nil) \(extent.length / 512)")
            position += extent.length
          }
          #expect(
            kinds == [
              "data compressed false 16", "zero plain false 16", "data plain true 16",
              "data compressed false 48", "zero plain false 16",
            ])
        }
      }
    }
  }

  @Test("what is in comments or elsewhere in the property list is no table")
  func comments() throws {
    var sample = DmgFormatTests.sample()
    let table = "bWlzaAAAAAE="
    sample.note =
      "<!-- <data>\(table)</data> --><![CDATA[<data>\(table)</data>]]><dict><key>Data</key><data>\n/w==\n\t</data></dict>"
    let image = try MemoryDmg(sample.bytes, flags: [])
    #expect(try image.edge.array(at: 0, count: 65536) == DmgFormatTests.disk(65536))
  }

  @Test("sectors that no chunk has are errors that name them, or zeros where the user says so")
  func gaps() throws {
    let disk = DmgFormatTests.disk(8192)
    let chunks = [0, 32].map { DmgSample.Chunk(.zlib, at: $0, disk) }
    var sample = DmgSample([DmgSample.Table(chunks)])
    sample.sectorCount = 60
    let image = try MemoryDmg(sample.bytes, flags: [])
    #expect(try image.edge.array(at: 0, count: 8192) == disk)
    #expect(try image.edge.array(at: 16384, count: 8192) == disk)
    for (offset, message) in [
      (8192, "no chunk has sectors 16 to 31"), (10_000, "no chunk has sectors 19 to 31"),
      (8000, "no chunk has sectors 16 to 31"), (24_576, "no chunk has sectors 48 to 59"),
    ] as [(UInt64, String)] {
      let error = #expect(throws: BlockError.self) { _ = try image.edge.array(at: offset, count: 512) }
      #expect(error?.message == message && error?.advice != nil)
    }
    let found = try image.check()
    #expect(found.lines == ["ERROR: no chunk has sectors 16 to 31", "ERROR: no chunk has sectors 48 to 59"])
    let filled = try open(sample.bytes, ["fill-gaps": "zero"])
    let zeroes = [UInt8](repeating: 0, count: 8192)
    let whole = disk + zeroes + disk + zeroes.prefix(6144)
    #expect(try filled.array(at: 0, count: whole.count) == Array(whole))
    for options in [["fill-gaps": "no"], ["max-chunk": "0"], ["max-chunk": "2G"], ["max-chunk": "x"]]
      as [OptionObject]
    {
      #expect(throws: BlockError.self) { _ = try open(sample.bytes, options) }
    }
  }

  /// Opens an image with options.
  private func open(_ bytes: [UInt8], _ options: OptionObject) throws -> Edge {
    let graph = Graph()
    let file = try graph.makeNode(MemoryStorage(bytes), "file")
    let opener = Opener(graph: graph, kinds: [DmgFormat()])
    let node = try opener.openFormat(DmgFormat(), on: file, options, OpenSettings())
    return try #require(try graph.use(node, "the guest", held: .consistentRead, shared: []).edge)
  }

  @Test("small reads in any order decode no chunk a second time, and take bounded memory")
  func cache() throws {
    let disk = DmgFormatTests.disk(64 * 16384)
    let bytes = DmgSample(of: disk, chunk: 16384, [.zlib, .xz]).bytes
    let image = try MemoryDmg(bytes, flags: [])
    let before = image.memory.record.reads
    var numbers = SeededNumbers(seed: 6)
    for _ in 0..<3000 {
      let start = Int.random(in: 0..<disk.count - 100, using: &numbers)
      #expect(try image.edge.array(at: UInt64(start), count: 100) == Array(disk[start..<start + 100]))
    }
    #expect(image.memory.record.reads - before <= 64)
  }

  @Test("chunks longer than qemu-img takes are read where the user says so; others may have any length")
  func large() throws {
    let zeroes = [UInt8](repeating: 0, count: 4096)
    var huge = DmgSample.Chunk(.zero, at: 8, [])
    huge.sectors = 400 << 11
    var after = DmgSample.Chunk(.zlib, at: 8 + 400 << 11, zeroes)
    after.sector = 8 + huge.sectors
    let sample = DmgSample([DmgSample.Table([DmgSample.Chunk(.zlib, at: 0, zeroes), huge, after])])
    let image = try MemoryDmg(sample.bytes, flags: [])
    #expect(try image.edge.extent(at: 4096, length: image.edge.length - 4096).length == 400 << 20)
    #expect(try image.check().lines == [])
    // As long as four chunks.
    let disk = DmgFormatTests.disk(262_144)
    let bytes = DmgSample(of: disk, chunk: 262_144, [.zlib]).bytes
    let error = #expect(throws: BlockError.self) { _ = try open(bytes, ["max-chunk": "64k"]) }
    #expect(error?.message.contains("for chunk 0 is larger than max (") == true)
    #expect(try open(bytes, ["max-chunk": "256k"]).array(at: 0, count: disk.count) == disk)
  }

  @Test("LZFSE is decoded, or refused with what is missing")
  func lzfse() throws {
    let disk = DmgFormatTests.disk(8192)
    let image = try MemoryDmg(DmgSample(of: disk, chunk: 4096, [.lzfse]).bytes, flags: [])
    do {
      #expect(try image.edge.array(at: 0, count: 8192) == disk)
    } catch {
      #expect(error.kind == .unsupported && error.advice != nil)
      #expect(error.message == "chunk 0 (sectors 0 to 7): Library 'liblzfse.so' cannot be loaded")
      let found = try image.check()
      #expect(found.result.checkErrors == 2 && found.result.corruptions == 0)
    }
  }

  @Test("checksums of data and tables are compared")
  func checksums() throws {
    let disk = DmgFormatTests.disk(16384)
    var sample = DmgSample(of: disk, chunk: 4096, [.zlib, .ignored, .raw, .zero])
    sample.tables[0].checksum = 0x1234_5678
    let wrong = try MemoryDmg(sample.bytes, flags: [.checking]).check()
    let line = try #require(wrong.lines.first)
    #expect(wrong.lines.count == 1 && line.hasPrefix("ERROR: the checksum of table 0 is 0x"))
    let value = try #require(UInt32(line.split(separator: "0x")[1].prefix(8), radix: 16))
    sample.tables[0].checksum = value
    let right = try MemoryDmg(sample.bytes, flags: [.checking])
    #expect(try right.check().lines == [])
    // A byte of the raw chunk.
    let bytes = sample.bytes
    let place = try #require(try right.edge.extent(at: 8192, length: 512).location?.offset)
    let broken = try MemoryDmg(
      bytes.bigChanged([(Int(place), 1, UInt64(bytes[Int(place)] ^ 1))]), flags: [.checking])
    let found = try broken.check()
    #expect(found.lines.count == 2 && found.lines[1].hasPrefix("ERROR: the checksum of the data is 0x"))
  }

  @Test("what is recognized, and what is not, whatever its name")
  func recognizes() throws {
    let bytes = DmgFormatTests.sample().bytes
    func isKnown(_ bytes: [UInt8], _ name: String = "x") throws -> Bool {
      let input = try ProbeInput(length: UInt64(bytes.count), name: name) {
        (offset, count) throws(BlockError) in
        Buffer(Array(bytes[Int(offset)..<Int(offset) + count]))
      }
      return DmgFormat().probe(input) != nil
    }
    let zeroes = [UInt8](repeating: 0, count: 600)
    for count in [0, 1, 100, 511, 512] { #expect(try isKnown(bytes + zeroes.prefix(count))) }
    #expect(try isKnown(bytes, "x.raw") && !isKnown(bytes + zeroes, "x.dmg"))
    #expect(try !isKnown([], "x.dmg") && !isKnown(zeroes, "x.dmg"))
    #expect(try !isKnown(bytes.bigChanged([(-505, 1, 5)])) && !isKnown(bytes.bigChanged([(-501, 1, 1)])))
    for text in ["encrcdsa", "sprs\0\0\0\u{3}"] { #expect(try isKnown(Array(text.utf8) + zeroes)) }
    #expect(try isKnown(zeroes + Array("cdsaencr".utf8)))
  }

  @Test("what is written to it is refused, and nobody opens it for that")
  func isReadOnly() throws {
    let error = #expect(throws: BlockError.self) { _ = try MemoryDmg(DmgFormatTests.sample().bytes) }
    #expect(error?.message == "Image is read-only" && error?.kind == .readOnly)
  }
}
