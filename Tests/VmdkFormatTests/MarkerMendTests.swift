// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import VmdkFormat

/// Damage to the entries of an image whose end is there: its grains' markers prove what the entries were.
@Suite struct MarkerMendTests {
  private static let grain = Int(SampleStream.grain)

  /// Bytes of the directory and of its tables in a sample.
  private struct Places {
    let directory: Int
    let tables: [Int]

    init(_ bytes: [UInt8]) {
      let header = bytes.little(56, 8) == .max ? bytes.count - 1024 : 0
      directory = Int(bytes.little(header + 56, 8)) * 512
      let count = (Int(bytes.little(12, 8)) / 128 + 511) / 512
      let start = directory
      tables = (0..<count).map { Int(bytes.little(start + $0 * 4, 4)) * 512 }
    }
  }

  /// An image with its directory and tables in front, as `qemu-img` writes it: made of a sample in one pass.
  private static func inFront() throws -> [UInt8] {
    let sample = try SampleStream()
    let markers = sample.markers
    let tables = (SampleStream.size / SampleStream.grain + 512) / 512
    var bytes = Array(sample.bytes[..<Int(sample.bytes.little(64, 8) * 512)])
    let second: UInt64 = 21
    let first = second + 1 + 4 * tables
    var fields: [(Int, Int, UInt64)] = [(8, 4, 0x30003), (48, 8, second), (56, 8, first)]
    for number in 0..<tables {
      fields.append((Int(second * 512 + number * 4), 4, second + 1 + 4 * number))
      fields.append((Int(first * 512 + number * 4), 4, first + 1 + 4 * number))
    }
    for (grain, marker) in zip(SampleStream.grains, markers) {
      let size = 12 + Int(sample.bytes.little(marker + 8, 4))
      for directory in [first, second] {
        fields.append((Int((directory + 1) * 512 + grain * 4), 4, UInt64(bytes.count / 512)))
      }
      bytes += sample.bytes[marker..<marker + (size + 511) / 512 * 512]
    }
    return bytes.littleChanged(fields)
  }

  private func mended(_ bytes: [UInt8]) throws -> (bytes: [UInt8], fixed: UInt64) {
    let image = try MemoryVmdk(bytes, flags: NodeFlags(checkingWith: .all))
    let result = try image.repair(.all)
    try image.close()
    return (image.memory.bytes, result.corruptionsFixed)
  }

  /// Fields that change in a sound image: offset, width and value.
  private static func damages(_ bytes: [UInt8]) -> [[(Int, Int, UInt64)]] {
    let places = Places(bytes)
    let (directory, table) = (places.directory, places.tables[0])
    let grain = bytes.little(table + 4, 4)
    let last = places.tables.count - 1
    var all: [[(Int, Int, UInt64)]] = []
    for value in [0, 0x00ff_ffff, 3, grain + 1, UInt64(directory) / 512, UInt64(table) / 512 + 1] {
      all.append([(directory, 4, value)])
      all.append([(table, 4, value), (table + 8, 4, value)])
      all.append([(directory, 4, value), (directory + last * 4, 4, value)])
    }
    all.append([(table, 4, grain)])
    // Tables that are nothing but garbage, or gone.
    for value in [0, .max, 0x0101_0101_0101_0101] as [UInt64] {
      all.append((0..<64).map { (table + $0 * 8, 8, value) })
    }
    return all
  }

  @Test("markers tell what damaged entries of directory and tables were, in both forms", arguments: [0, 1])
  func entries(_ form: Int) throws {
    let sound = try form == 0 ? SampleStream().bytes : MarkerMendTests.inFront()
    #expect(try MemoryVmdk(sound, flags: .checking).check().lines == [])
    for fields in MarkerMendTests.damages(sound) {
      let broken = sound.littleChanged(fields)
      // Some of the second form is known from the redundant directory.
      let check = try MemoryVmdk(broken, flags: .checking).check()
      #expect(check.result.corruptions > 0, "\(fields.prefix(2))")
      let (bytes, fixed) = try mended(broken)
      #expect(fixed > 0)
      let isMended = bytes == sound
      #expect(isMended, "\(fields.prefix(2))")
    }
  }

  @Test("the first and the redundant directory may be damaged in the same place")
  func bothDirectories() throws {
    let sound = try MarkerMendTests.inFront()
    let places = Places(sound)
    let distance = places.directory - 21 * 512
    for fields in MarkerMendTests.damages(sound) {
      let both = fields + fields.map { ($0.0 - distance, $0.1, $0.2) }
      let (bytes, _) = try mended(sound.littleChanged(both))
      let again = try MemoryVmdk(bytes, flags: .checking)
      #expect(try again.check().lines == [], "\(fields.prefix(2))")
      for grain in SampleStream.grains {
        let count = Int(min(SampleStream.grain, SampleStream.size - grain * SampleStream.grain))
        let isSame =
          try again.edge.array(at: grain * SampleStream.grain, count: count)
          == Array(SampleStream.content(of: grain)[..<count])
        #expect(isSame, "grain \(grain) after \(fields.prefix(2))")
      }
    }
  }

  @Test("a check changes nothing, and a repair of leaks mends no entry")
  func checkOnly() throws {
    let sound = try SampleStream().bytes
    let broken = sound.littleChanged([(Places(sound).directory, 4, 0x00ff_ffff)])
    let check = try MemoryVmdk(broken, flags: .checking).check()
    #expect(
      check.lines == [
        "ERROR: 1 entries of the grain directory are damaged or missing; markers tell of their tables"
      ])
    let image = try MemoryVmdk(broken, flags: [.checking, .writable])
    #expect(try image.repair(.leaks).corruptions == 1)
    try image.close()
    let isUnchanged = image.memory.bytes == broken
    #expect(isUnchanged)
  }

  @Test("a grain whose marker is damaged, too, stays where its entry leads, or an error")
  func withoutMarker() throws {
    let sample = try SampleStream()
    let table = Places(sample.bytes).tables[0]
    // The second grain's marker is of no grain, and the entry of the third one is damaged.
    let broken = sample.bytes.littleChanged([
      (sample.markers[1], 8, 3), (table + 4 * Int(SampleStream.grains[2]), 4, 0x00ff_ffff),
    ])
    let (bytes, fixed) = try mended(broken)
    #expect(fixed == 1)
    let again = try MemoryVmdk(bytes, flags: .checking)
    #expect(try again.check().result.corruptions == 1)
    let third = SampleStream.grains[2]
    #expect(
      try again.edge.array(at: third * SampleStream.grain, count: 512)
        == Array(SampleStream.content(of: third)[..<512]))
    #expect(throws: BlockError.self) {
      try again.edge.array(at: SampleStream.grains[1] * SampleStream.grain, count: 512)
    }
  }

  @Test(
    "what stands behind the end is lost space, which a repair of leaks cuts off",
    arguments: [1, 512, 5000, 200_000])
  func behindTheEnd(_ count: Int) throws {
    let sound = try SampleStream().bytes
    for byte in [0x79, 0] as [UInt8] {
      let longer = sound + [UInt8](repeating: byte, count: count)
      let check = try MemoryVmdk(longer, flags: .checking).check()
      #expect(check.lines == ["Leaked: \(count) bytes behind the end of the image (offset \(sound.count))"])
      #expect(check.result.corruptions == 0 && check.result.leaks == UInt64(count + 65535) / 65536)
      #expect(
        try MemoryVmdk(longer, flags: []).edge.array(at: 0, count: 512)
          == Array(SampleStream.content(of: 0)[..<512]))
      for what in CheckRepair.allCases {
        let image = try MemoryVmdk(longer, flags: NodeFlags(checkingWith: what))
        #expect(try image.repair(what).leaksFixed == check.result.leaks)
        try image.close()
        let isCut = image.memory.bytes == sound
        #expect(isCut, "\(count) times \(byte)")
      }
    }
  }

  @Test(
    "a marker whose size is damaged takes no other grain with it, also where a directory entry is damaged")
  func wrongSizes() throws {
    let sample = try SampleStream()
    let directory = Places(sample.bytes).directory
    for (index, marker) in sample.markers.enumerated().dropLast() {
      for bit in [9, 10, 12, 14, 15, 16] {
        let size = sample.bytes.little(marker + 8, 4) ^ 1 << UInt64(bit)
        for fields in [[], [(directory, 4, 0x00ff_ffff)]] as [[(Int, Int, UInt64)]] {
          let (bytes, _) = try mended(sample.bytes.littleChanged([(marker + 8, 4, size)] + fields))
          let again = try MemoryVmdk(bytes, flags: .checking)
          for (other, grain) in SampleStream.grains.enumerated() where other != index {
            let isSame =
              try again.edge.array(at: grain * SampleStream.grain, count: 512)
              == Array(SampleStream.content(of: grain)[..<512])
            #expect(isSame, "grain \(grain), bit \(bit) of grain \(SampleStream.grains[index])")
          }
        }
      }
    }
  }

  @Test("a damaged marker leaves nothing behind it unknown where the directory is gone")
  func withoutDirectory() throws {
    let sample = try SampleStream()
    let directory = Places(sample.bytes).directory
    let gone = (0..<3).map { (directory + $0 * 4, 4, UInt64(0)) }
    let (bytes, _) = try mended(sample.bytes.littleChanged([(sample.markers[1], 8, 3)] + gone))
    let again = try MemoryVmdk(bytes, flags: .checking)
    #expect(try again.check().result.corruptions == 1)
    for grain in SampleStream.grains where grain != 1 {
      let isSame =
        try again.edge.array(at: grain * SampleStream.grain, count: 512)
        == Array(SampleStream.content(of: grain)[..<512])
      #expect(isSame, "grain \(grain)")
    }
  }

  @Test("an entry that leads to another's grain is cleared where there is no grain of its own")
  func othersGrain() throws {
    let sound = try SampleStream().bytes
    let table = Places(sound).tables[0]
    let (bytes, fixed) = try mended(sound.littleChanged([(table + 4 * 100, 4, sound.little(table, 4))]))
    let isMended = bytes == sound
    #expect(isMended && fixed == 1)
  }

  @Test("what the redundant directory has of grains that there are not is not taken over")
  func redundantGarbage() throws {
    let sound = try MarkerMendTests.inFront()
    // The second table, which has no grain, by both directories.
    let (second, first) = ((22 + 4) * 512, Int(sound.little(56, 8) + 1 + 4) * 512)
    #expect(sound.little(second, 4) == 0 && sound.little(first, 4) == 0)
    let image = try MemoryVmdk(sound.littleChanged([(second + 400, 4, 130)]), flags: .checking)
    let check = try image.check()
    #expect(check.result.corruptions == 0 && check.lines == [])
    let directory = 21 * 512
    let (bytes, fixed) = try mended(sound.littleChanged([(directory + 8, 4, 23)]))
    let isMended = bytes == sound
    #expect(isMended && fixed == 1)
  }

  @Test("a footer that tells of another disk than the header is damaged")
  func otherFooter() throws {
    let sound = try SampleStream().bytes
    for (field, width) in [(12, 8), (20, 8), (44, 4)] {
      let place = sound.count - 1024 + field
      let (bytes, fixed) = try mended(sound.littleChanged([(place, width, sound.little(place, width) ^ 4)]))
      let isMended = bytes == sound
      #expect(isMended && fixed == 1, "\(field)")
    }
  }

  @Test("a marker that tells of another place moves no grain there", arguments: [0, 1, 2])
  func movedMarker(_ other: Int) throws {
    let sample = try SampleStream()
    let directory = Places(sample.bytes).directory
    // The second grain says that it is the 101st, while the directory or the footer is damaged, or nothing else.
    let damages: [[(Int, Int, UInt64)]] = [
      [], [(directory, 4, 0x00ff_ffff)], [(sample.bytes.count - 1024, 4, 0)],
    ]
    let (bytes, _) = try mended(
      sample.bytes.littleChanged([(sample.markers[1], 8, 100 * 128)] + damages[other]))
    let again = try MemoryVmdk(bytes, flags: .checking)
    #expect(try again.check().result.corruptions == 1)
    #expect(try again.edge.array(at: 100 * SampleStream.grain, count: 512).consists(of: 0))
    #expect(throws: BlockError.self) { try again.edge.array(at: SampleStream.grain, count: 512) }
  }

  @Test(
    "a directory entry that leads into a grain or another's table is mended from the other directory, without markers"
  )
  func misledEntries() throws {
    let image = try MemoryVmdk(size: 70 << 20)
    for offset in [0, 40 << 20, 66 << 20] as [UInt64] {
      try image.edge.write(at: offset, [UInt8](repeating: UInt8(offset >> 20) + 1, count: 65536))
    }
    try image.close()
    let sound = image.memory.bytes
    for field in [48, 56] {
      let directory = Int(sound.little(field, 8)) * 512
      let table = sound.little(directory, 4)
      let grain = sound.little(Int(table) * 512, 4)
      for (number, value) in [(0, grain + 3), (1, table), (1, sound.little(directory + 4, 4) + 1)] {
        let (bytes, fixed) = try mended(sound.littleChanged([(directory + number * 4, 4, value)]))
        #expect(fixed == 1)
        let again = try MemoryVmdk(bytes, flags: .checking)
        #expect(try again.check().lines == [])
        for offset in [0, 40 << 20, 66 << 20] as [UInt64] {
          #expect(try again.edge.array(at: offset, count: 65536).consists(of: UInt8(offset >> 20) + 1))
        }
      }
    }
  }

  @Test("places in the header that no file has are told, in both forms", arguments: [28, 36, 48, 56, 64])
  func absurdPlaces(_ field: Int) throws {
    for sound in [try SampleStream().bytes, try MarkerMendTests.inFront()] {
      let headers = sound.little(56, 8) == .max ? [0, sound.count - 1024] : [0]
      for value in [.max, .max - 1, .max / 512, 1 << 55, 1 << 32] as [UInt64] {
        let damaged = sound.littleChanged(headers.map { ($0 + field, 8, value) })
        // Whatever is said of it, nothing traps.
        let image = try? MemoryVmdk(damaged, flags: NodeFlags(checkingWith: .all))
        _ = try? image?.repair(.all)
        try? image?.close()
      }
    }
  }
}
