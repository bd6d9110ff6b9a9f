// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import VmdkFormat

/// An image of compressed grains, and where its parts are.
struct SampleStream {
  static let grain: UInt64 = 65536
  /// Grains of two tables, one table left out between them, and the last one cut short by the disk's end.
  static let size: UInt64 = 70 << 20 | 512
  static let grains: [UInt64] = [0, 1, 7, 511, 1024, 1119, 1120]

  let bytes: [UInt8]

  init() throws {
    let image = try MemoryVmdk(size: SampleStream.size, ["subformat": "streamOptimized"])
    let compressor = try image.edge.makeCompressor()
    for grain in SampleStream.grains {
      let packed = Buffer(count: 65536 + 512)
      var target = packed.mutableBytes
      let content = Buffer(SampleStream.content(of: grain))
      let size = try #require(compressor.compress(content.bytes, into: &target))
      let prepared = try image.edge.prepareCompressed([
        CompressedCluster(guestOffset: grain * SampleStream.grain, size: size)
      ])
      try image.edge.complete(prepared, from: packed.bytes)
    }
    try image.edge.seal()
    try image.close()
    bytes = image.memory.bytes
  }

  /// What a grain holds: half of it noise, and zeros behind the disk's end.
  static func content(of grain: UInt64) -> [UInt8] {
    var numbers = SeededNumbers(seed: grain + 1)
    var content = [UInt8](repeating: UInt8(truncatingIfNeeded: grain), count: Int(self.grain))
    for index in 0..<Int(self.grain) / 2 { content[index] = UInt8(truncatingIfNeeded: numbers.next()) }
    let left = Int(min(self.grain, size - grain * self.grain))
    for index in left..<Int(self.grain) { content[index] = 0 }
    return content
  }

  /// The byte offsets of the markers of all grains, in the order of `grains`.
  var markers: [Int] {
    var found: [Int] = []
    var offset = Int(bytes.little(64, 8)) * 512
    while offset + 512 <= bytes.count {
      let size = Int(bytes.little(offset + 8, 4))
      if size > 0 {
        found.append(offset)
        offset += (12 + size + 511) / 512 * 512
      } else {
        offset += 512 + Int(bytes.little(offset, 8)) * 512
      }
    }
    return found
  }

  /// The byte offset behind the last table, where the directory's marker is.
  var directoryMarker: Int { bytes.count - 3 * 512 - 2 * 512 }
}

@Suite struct VmdkStreamTests {
  private func expectContent(_ image: MemoryVmdk, _ grains: [UInt64] = SampleStream.grains) throws {
    for grain in SampleStream.grains {
      let offset = grain * SampleStream.grain
      let count = Int(min(SampleStream.grain, SampleStream.size - offset))
      let wanted =
        grains.contains(grain) ? SampleStream.content(of: grain) : [UInt8](repeating: 0, count: 65536)
      // What differs is not worth printing.
      let isSame = try image.edge.array(at: offset, count: count) == Array(wanted[..<count])
      #expect(isSame, "grain \(grain)")
    }
  }

  @Test("is read as it was written, and a check looks into each grain")
  func whole() throws {
    let sample = try SampleStream()
    #expect(sample.markers.count == SampleStream.grains.count)
    #expect(sample.bytes.little(sample.directoryMarker + 12, 4) == 2)
    let image = try MemoryVmdk(sample.bytes, flags: .checking)
    try expectContent(image)
    let check = try image.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.compressedClusters == 7)
  }

  @Test("behind the end there may be zeros, few or many", arguments: [512, 65536, 300_000, 300_001])
  func padded(_ count: Int) throws {
    let image = try MemoryVmdk(SampleStream().bytes + [UInt8](repeating: 0, count: count), flags: [])
    try expectContent(image)
  }

  @Test("without the footer it is read all the same; a check says that it is missing, and a repair mends it")
  func withoutFooter() throws {
    let sample = try SampleStream()
    let marker = sample.directoryMarker
    for count in [marker + 1024, marker + 1536, marker + 2000] {
      let cut = Array(sample.bytes[..<count])
      let image = try MemoryVmdk(cut, flags: [])
      try expectContent(image)
      let isUnchanged = image.memory.bytes == cut
      #expect(isUnchanged)
      let check = try MemoryVmdk(cut, flags: .checking).check()
      #expect(check.result.corruptions == 1)
      #expect(
        check.lines == ["ERROR: the image's footer is missing or damaged; its markers lead to 7 grains"])
      let repaired = try MemoryVmdk(cut, flags: NodeFlags(checkingWith: .all))
      #expect(try repaired.repair(.all).corruptionsFixed == 1)
      try repaired.close()
      let isMended = repaired.memory.bytes == sample.bytes
      #expect(isMended, "\(count)")
    }
  }

  @Test("cut anywhere before its directory, it is refused, and a repair keeps all whole grains")
  func cut() throws {
    let sample = try SampleStream()
    let markers = sample.markers
    var numbers = SeededNumbers(seed: 3)
    var places = [markers[0], markers[1] - 1, markers[1], markers[4]]
    places += [sample.directoryMarker, sample.directoryMarker + 512]
    for _ in 0..<8 { places.append(Int.random(in: markers[0]...sample.directoryMarker, using: &numbers)) }
    for place in places {
      let cut = Array(sample.bytes[..<place])
      for flags in [[], [.writable], [.checking]] as [NodeFlags] {
        do throws(BlockError) {
          _ = try MemoryVmdk(cut, flags: flags)
          Issue.record("cut at \(place), it was opened")
        } catch {
          #expect(error.message == "Invalid footer")
        }
      }
      let kept = zip(SampleStream.grains, markers).filter { _, marker in
        marker + 12 + Int(sample.bytes.little(marker + 8, 4)) <= place
      }.map(\.0)
      guard !kept.isEmpty else {
        #expect(throws: BlockError.self) { try MemoryVmdk(cut, flags: NodeFlags(checkingWith: .all)) }
        continue
      }
      let repaired = try MemoryVmdk(cut, flags: NodeFlags(checkingWith: .all))
      _ = try repaired.repair(.all)
      try repaired.close()
      let again = try MemoryVmdk(repaired.memory.bytes, flags: .checking)
      try expectContent(again, kept)
      #expect(try again.check().result.corruptions == 0)
    }
  }

  /// What stands behind the end of an image when it was copied with more than it has.
  static let junk: [[UInt8]] = [600, 40_000, 100_000].map { [UInt8](repeating: 0x79, count: $0) }

  @Test("a damaged marker takes no other grain with it, whatever stands behind the end", arguments: junk)
  func damagedMarker(_ junk: [UInt8]) throws {
    let sample = try SampleStream()
    for (index, marker) in sample.markers.enumerated().dropLast() {
      for field in [(marker, 8, 3), (marker + 8, 4, 0), (marker + 8, 4, .max)] as [(Int, Int, UInt64)] {
        let broken = sample.bytes.littleChanged([field]) + junk
        let image = try MemoryVmdk(broken, flags: NodeFlags(checkingWith: .all))
        _ = try image.repair(.all)
        try image.close()
        let again = try MemoryVmdk(image.memory.bytes, flags: .checking)
        var others = SampleStream.grains
        let damaged = others.remove(at: index)
        for grain in others {
          let isSame =
            try again.edge.array(at: grain * SampleStream.grain, count: 512)
            == Array(SampleStream.content(of: grain)[..<512])
          #expect(isSame, "grain \(grain) behind the damaged one of \(damaged)")
        }
        // The table leads to it still: it is an error, not zeros.
        #expect(try again.check().result.corruptions == 1)
        #expect(throws: BlockError.self) {
          try again.edge.array(at: damaged * SampleStream.grain, count: 512)
        }
      }
    }
  }

  @Test(
    "what a damaged marker hides is lost where the image was cut before its table; grains behind it are not")
  func damagedMarkerOfCutImage() throws {
    let sample = try SampleStream()
    let markers = sample.markers
    let cut = Array(sample.bytes[..<sample.directoryMarker])
    for (place, lost) in [(1, 1), (4, 4), (5, 5)] {
      // Without the directory, and from the last grain on without its table.
      for end in [cut.count, markers[6] + 512] {
        let broken = Array(cut[..<end]).littleChanged([(markers[place], 8, 3)])
        let image = try MemoryVmdk(broken, flags: NodeFlags(checkingWith: .all))
        _ = try image.repair(.all)
        try image.close()
        let again = try MemoryVmdk(image.memory.bytes, flags: .checking)
        for (index, grain) in SampleStream.grains.enumerated().dropLast() where index != lost {
          let isSame =
            try again.edge.array(at: grain * SampleStream.grain, count: 512)
            == Array(SampleStream.content(of: grain)[..<512])
          #expect(isSame, "grain \(grain)")
        }
        let isToldOfByTable = end == cut.count || place < 4
        #expect(try again.check().result.corruptions == (isToldOfByTable ? 1 : 0))
      }
    }
    // Two of three grains of the table, which are told of where nothing leads to them.
    let broken = Array(cut[..<markers[6]]).littleChanged([(markers[4], 8, 3)])
    let image = try MemoryVmdk(broken, flags: NodeFlags(checkingWith: .all))
    var lines: [String] = []
    let driver = try #require(image.node.driver as? any CheckingDriver)
    let result = try driver.repair(.all, image.node, JobContext()) { lines.append($0) }
    #expect(result.corruptionsFixed == 2)
    #expect(
      lines == [
        "ERROR: the image's directory and footer are missing; its markers lead to 5 grains",
        "ERROR: markers are damaged in 1 places: what grains there held is lost",
      ])
  }

  @Test("a footer of which a bit is another takes no grain with it")
  func damagedFooter() throws {
    let sample = try SampleStream()
    let footer = sample.bytes.count - 1024
    for bit in [1, 8 + 3, 56 * 8 + 2, 56 * 8 + 5, 57 * 8, 63 * 8, 48 * 8] {
      var bytes = sample.bytes
      bytes[footer + bit / 8] ^= 1 << UInt8(bit % 8)
      let image = try MemoryVmdk(bytes, flags: NodeFlags(checkingWith: .all))
      _ = try image.repair(.all)
      try image.close()
      let again = try MemoryVmdk(image.memory.bytes, flags: .checking)
      try expectContent(again)
      #expect(try again.check().result.corruptions == 0, "bit \(bit)")
    }
  }

  @Test("a repair of leaks gives no end to an image that lacks one, and says so")
  func leaksOnly() throws {
    let sample = try SampleStream()
    for count in [sample.directoryMarker + 1024, sample.directoryMarker - 512] {
      let cut = Array(sample.bytes[..<count])
      let image = try MemoryVmdk(cut, flags: [.checking, .writable])
      let result = try image.repair(.leaks)
      #expect(result.corruptions > 0 && result.corruptionsFixed == 0 && result.leaksFixed == 0)
      try image.close()
      let isUnchanged = image.memory.bytes == cut
      #expect(isUnchanged)
    }
  }

  @Test("a search among sectors that all look like grains has an end")
  func manyFalseMarkers() throws {
    let sample = try SampleStream()
    var bytes = Array(sample.bytes[..<sample.markers[1]])
    bytes += [UInt8](repeating: 0xff, count: 512)
    let marker = Array(sample.bytes[sample.markers[1]..<sample.markers[1] + 512])
    for _ in 0..<40_000 { bytes += marker }
    let image = try? MemoryVmdk(bytes, flags: NodeFlags(checkingWith: .all))
    if let image { try expectContent(image, [0]) }
  }

  /// One defect: the fields that change, by the place of the second grain's marker, and what a check says.
  static let defects: [(name: String, fields: @Sendable (Int) -> [(Int, Int, UInt64)], message: String)] = [
    (
      "another grain's sector", { [($0, 8, 256)] },
      "the compressed grain of sector 128 says that it is of sector 256"
    ),
    ("no size", { [($0 + 8, 4, 0)] }, "the compressed grain of sector 128 has an impossible size (0)"),
    (
      "a size past the file", { [($0 + 8, 4, 0xffff_ffff)] },
      "the compressed grain of sector 128 has an impossible size (4294967295)"
    ),
    (
      "a size of more than two grains", { [($0 + 8, 4, 131_073)] },
      "the compressed grain of sector 128 has an impossible size (131073)"
    ),
    ("a short size", { [($0 + 8, 4, 100)] }, "compressed data is damaged (it ends too early)"),
    ("no zlib header", { [($0 + 12, 2, 0)] }, "compressed data is damaged (no zlib header)"),
    ("a wrong block", { [($0 + 14, 1, 0xff)] }, "compressed data is damaged (invalid deflate block)"),
  ]

  @Test("a damaged grain is found by a check, and an error for whom reads it", arguments: defects.indices)
  func damaged(_ index: Int) throws {
    let sample = try SampleStream()
    let (_, fields, message) = VmdkStreamTests.defects[index]
    let image = try MemoryVmdk(sample.bytes.littleChanged(fields(sample.markers[1])), flags: .checking)
    let check = try image.check()
    #expect(check.result.corruptions == 1)
    #expect(check.lines == ["ERROR: the grain at offset 65536 of the disk cannot be read: \(message)"])
    let error = #expect(throws: BlockError.self) { try image.edge.array(at: 65536, count: 512) }
    #expect(error?.message == message)
    #expect(try image.edge.array(at: 0, count: 512) == Array(SampleStream.content(of: 0)[..<512]))
  }

  @Test("a grain that inflates to more than a grain is refused")
  func bomb() throws {
    let sample = try SampleStream()
    // Grains of half the size: each holds twice as much as it may.
    let footer = sample.bytes.count - 1024
    let half = sample.bytes.littleChanged([
      (20, 8, 64), (footer + 20, 8, 64), (12, 8, 64), (footer + 12, 8, 64),
    ])
    let image = try MemoryVmdk(half, flags: .checking)
    #expect(try image.check().result.corruptions == 1)
    let error = #expect(throws: BlockError.self) { try image.edge.array(at: 0, count: 512) }
    #expect(error?.message == "compressed data holds more than the expected 32768 bytes")
  }

  @Test("markers that lead nowhere hide one grain each, and the search for the next one never takes long")
  func hostileMarkers() throws {
    let sample = try SampleStream()
    let cut = Array(sample.bytes[..<(sample.directoryMarker + 512)])
    let second = sample.markers[1]
    for fields in [
      [(second, 8, .max)], [(second, 8, 1)], [(second, 8, SampleStream.size / 512 + 128)],
      [(second + 8, 4, 0xffff_ffff)], [(second, 8, .max), (second + 8, 4, 0), (second + 12, 4, 1)],
      [(second, 8, 1 << 54), (second + 8, 4, 0), (second + 12, 4, 1)],
      [(second + 8, 4, 0), (second + 12, 4, 99)],
    ] as [[(Int, Int, UInt64)]] {
      let repaired = try MemoryVmdk(cut.littleChanged(fields), flags: NodeFlags(checkingWith: .all))
      for grain in SampleStream.grains where grain != 1 {
        let offset = grain * SampleStream.grain
        let isSame =
          try repaired.edge.array(at: offset, count: 512) == Array(SampleStream.content(of: grain)[..<512])
        #expect(isSame, "grain \(grain)")
      }
      #expect(throws: BlockError.self) { try repaired.edge.array(at: SampleStream.grain, count: 512) }
    }
    // A disk of 8 EiB, whose directory alone would fill the memory.
    let huge = cut.littleChanged([(12, 8, UInt64(Int64.max) / 512)])
    #expect(throws: BlockError.self) { try MemoryVmdk(huge, flags: NodeFlags(checkingWith: .all)) }
  }
}
