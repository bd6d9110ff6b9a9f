// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Bytes
import Errors
import Options
import Support
import Testing

@testable import ParallelsFormat

extension ParallelsFormat: PlainKind {}

/// A Parallels image in memory.
typealias MemoryParallels = MemoryImage<ParallelsFormat>

extension MemoryParallels {
  /// Whether the header says that the image is in use.
  var isMarked: Bool { Array(memory.bytes[44..<48]) == [0x59, 0x6e, 0x6f, 0x74] }

  /// The same bytes as an image of the old kind: its map counts sectors.
  static func old(_ bytes: [UInt8], cluster: Int) -> [UInt8] {
    var bytes = bytes
    bytes.replaceSubrange(0..<16, with: Array("WithoutFreeSpace".utf8))
    let entries = Int(bytes[32]) | Int(bytes[33]) << 8
    for entry in 0..<entries {
      let number = UInt64(bytes[64 + entry * 4]) * UInt64(cluster / 512)
      for index in 0..<4 {
        bytes[64 + entry * 4 + index] = UInt8(truncatingIfNeeded: number >> UInt64(index * 8))
      }
    }
    return bytes
  }
}

@Suite("Parallels")
struct ParallelsFormatTests {
  /// Clusters of one track of an old disk: no power of two.
  static let track: OptionObject = ["cluster_size": "32256"]

  /// An image of 64 clusters of 64 KiB of which three are stored: 0, 16 and 48, each full of its number in that order.
  static func small() throws -> [UInt8] {
    let image = try MemoryParallels(size: 4 << 20, ["cluster_size": "64k"])
    for (cluster, byte) in [(0, 1), (16, 2), (48, 3)] as [(UInt64, UInt8)] {
      try image.edge.write(at: cluster << 16, [UInt8](repeating: byte, count: 1 << 16))
    }
    try image.close()
    return image.memory.bytes
  }

  @Test(
    "keeps the contract of drivers",
    arguments: [track, ["cluster_size": "512"], ["cluster_size": "64k", "preallocation": "full"]]
      as [OptionObject],
    [1, 2] as [UInt64])
  func conforms(_ options: OptionObject, _ seed: UInt64) throws {
    let image = try MemoryParallels(size: 1 << 20 + 1024, options)
    let findings = try DriverConformance.check(image.edge, seed: seed, operations: 60)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(image.edge.length))
    try image.close()
    let again = try MemoryParallels(image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    let check = try again.check().result
    #expect(check.corruptions == 0 && check.leaks == 0)
  }

  @Test(
    "an image of the old kind keeps the contract, too, wherever its clusters start", arguments: [63, 64, 70])
  func old(_ dataOffset: UInt64) throws {
    let size = 32256
    let image = try MemoryParallels(size: 40 * 32256, ParallelsFormatTests.track)
    try image.edge.write(at: 0, [UInt8](repeating: 5, count: 3 * size))
    try image.close()
    var bytes = MemoryParallels.old(image.memory.bytes, cluster: size)
    let shift = Int(dataOffset - 63) * 512
    bytes.insert(contentsOf: [UInt8](repeating: 0, count: shift), at: size)
    for entry in 0..<3 { bytes[64 + entry * 4] += UInt8(dataOffset - 63) }
    // 0 stands for the sectors of header and map.
    bytes = bytes.littleChanged([(48, 4, dataOffset == 63 ? 0 : dataOffset), (40, 4, 0xffff_ffff)])
    let old = try MemoryParallels(bytes)
    #expect(old.edge.length == 40 * 32256)
    #expect(try old.edge.array(at: 0, count: 3 * size).consists(of: 5))
    let findings = try DriverConformance.check(old.edge, seed: 3, operations: 60)
    #expect(findings == [])
    try old.edge.truncate(to: 4000 * 32256)
    try old.close()
    let again = try MemoryParallels(old.memory.bytes)
    let check = try again.check()
    #expect(check.lines == [] && check.result.corruptions == 0)
  }

  @Test("the mark is there from before the first change until the image is closed, and not for reading")
  func mark() throws {
    let image = try MemoryParallels(size: 1 << 20, ParallelsFormatTests.track)
    _ = try image.edge.array(at: 0, count: 4096)
    #expect(!image.isMarked)
    image.fault.record(from: image.memory.bytes)
    try image.edge.write(at: 0, [1])
    try image.edge.flush()
    #expect(image.isMarked)
    try image.close()
    #expect(!image.isMarked)
    try #require(image.fault.history).forEachStep { step in
      // The map changes only while the mark is safe, and the mark goes only once everything is.
      if step.after[64..<1024] != step.safe[64..<1024] { #expect(step.safe[44] == 0x59) }
      if step.safe[44] == 0x59, step.after[44] != 0x59 {
        #expect(step.safe.dropFirst(64) == step.after.dropFirst(64))
      }
    }
  }

  @Test(
    "a closed image says so in the words that it had", arguments: [0, 0x312e_3276, 0x746f_6e59] as [UInt64])
  func closing(_ use: UInt64) throws {
    let bytes = try ParallelsFormatTests.small().littleChanged([(44, 4, use), (52, 4, 1)])
    guard use != 0x746f_6e59 else {
      let error = #expect(throws: BlockError.self) { _ = try MemoryParallels(bytes) }
      #expect(error?.message == "parallels: Image was not closed correctly; cannot be opened read/write")
      let reader = try MemoryParallels(bytes, flags: [])
      #expect(try reader.edge.array(at: 0, count: 1) == [1])
      return
    }
    let image = try MemoryParallels(bytes)
    try image.edge.write(at: 70000, [9])
    #expect(image.isMarked)
    try image.close()
    let after = Buffer(image.memory.bytes)
    #expect(after.bytes.little32(at: 44) == UInt32(use))
    // Something has been written.
    #expect(after.bytes.little32(at: 52) == 0)
  }

  static let refusals: [([(Int, Int, UInt64)], String)] = [
    ([(0, 1, 0x77)], "Image not in Parallels format"), ([(15, 1, 0)], "Image not in Parallels format"),
    ([(16, 4, 0)], "Image not in Parallels format"), ([(16, 4, 1)], "Image not in Parallels format"),
    ([(16, 4, 3)], "Image not in Parallels format"),
    ([(16, 4, 0x200_0002)], "Image not in Parallels format"),
    ([(28, 4, 0)], "Invalid image: Zero sectors per track"),
    ([(28, 4, 4_186_128)], "Invalid image: Too big cluster"),
    ([(28, 4, 0x8000_0000)], "Invalid image: Too big cluster"),
    ([(28, 4, 0xffff_ffff)], "Invalid image: Too big cluster"),
    ([(32, 4, 0x2000_0000)], "Catalog too large"), ([(32, 4, 0xffff_ffff)], "Catalog too large"),
    ([(32, 4, 0x1fff_ffff)], "the block map (up to offset 2147483708) lies past the end of the file"),
    ([(32, 4, 66000)], "the block map (up to offset 264064) lies past the end of the file"),
    ([(36, 8, 1 << 54)], "Could not refresh total sector count: File too large"),
    ([(36, 8, 1 << 55)], "Could not refresh total sector count: File too large"),
    ([(36, 8, 1 << 63)], "Could not refresh total sector count: File too large"),
    ([(36, 8, .max)], "Could not refresh total sector count: File too large"),
    ([(44, 4, 0x746f_6e59)], "parallels: Image was not closed correctly; cannot be opened read/write"),
    ([(56, 8, 1)], "Wrong parallels Format Extension magic: 0x0, expected: 0xab234cef23dcea87"),
    ([(56, 8, 385)], "the format extension (sector 385) lies past the end of the file"),
    ([(56, 8, 1 << 55)], "the format extension (sector 36028797018963968) lies past the end of the file"),
    ([(56, 8, .max)], "the format extension (sector 18446744073709551615) lies past the end of the file"),
  ]

  @Test("B-03 headers that make no sense are refused, in qemu-img's words where it does", arguments: refusals)
  func refuses(_ fields: [(Int, Int, UInt64)], _ message: String) throws {
    let bytes = try ParallelsFormatTests.small().littleChanged(fields)
    let error = #expect(throws: BlockError.self) { _ = try MemoryParallels(bytes) }
    #expect(error?.message == message)
  }

  /// What a check says of an image that opens, and what it says after a repair: nothing.
  static let findings: [([(Int, Int, UInt64)], [String])] = [
    ([(64, 4, 0x77)], ["ERROR cluster 0 is outside image"]),
    ([(64, 4, 5)], ["ERROR cluster 0 is outside image"]),
    ([(64, 4, 0xffff_ffff)], ["ERROR cluster 0 is outside image"]),
    (
      [(64, 4, 2)],
      ["ERROR duplicate offset in BAT entry 16", "ERROR space leaked inside the image 65536"]
    ),
    ([(48, 4, 0)], ["ERROR data_off field has incorrect value"]),
    ([(48, 4, 1)], ["ERROR data_off field has incorrect value"]),
    ([(48, 4, 129)], ["ERROR data_off field has incorrect value"]),
    ([(48, 4, 256)], ["ERROR data_off field has incorrect value"]),
    ([(48, 4, 0xffff_ffff)], ["ERROR data_off field has incorrect value"]),
    ([(64, 4, 0)], ["ERROR space leaked inside the image 65536"]),
    ([(256, 4, 0)], ["ERROR space leaked at the end of the image 65536"]),
    (
      [(64, 4, 0), (128, 4, 0), (256, 4, 0)], ["ERROR space leaked at the end of the image 196608"]
    ),
  ]

  @Test("B-03 what a check finds is mended, and the rest stays as it was", arguments: findings)
  func mends(_ fields: [(Int, Int, UInt64)], _ lines: [String]) throws {
    let bytes = try ParallelsFormatTests.small().littleChanged(fields)
    let broken = try MemoryParallels(bytes, flags: [.writable, .checking])
    let found = try broken.check()
    #expect(found.lines == lines)
    let leaked = lines.filter { $0.contains("leaked") }.count
    #expect(found.result.corruptions == UInt64(lines.count - leaked))
    let mended = try broken.repair(.all)
    #expect(mended.corruptionsFixed == found.result.corruptions && mended.corruptions == 0)
    // The copy of what shared its place goes where nothing was: no leak is left to mend, and the file stays as long.
    let isShared = lines.contains { $0.contains("duplicate") }
    if isShared { #expect(mended.leaksFixed == 0) }
    try broken.close()
    if isShared { #expect(broken.memory.bytes.count == bytes.count) }
    #expect(!broken.isMarked)
    let after = try MemoryParallels(broken.memory.bytes)
    let check = try after.check()
    #expect(check.lines == [] && check.result.corruptions == 0 && check.result.leaks == 0)
    for (cluster, byte, place) in [(0, 1, 64), (16, 2, 128), (48, 3, 256)] as [(UInt64, UInt8, Int)] {
      guard !fields.contains(where: { $0.0 == place }) else { continue }
      #expect(try after.edge.array(at: cluster << 16, count: 1) == [byte])
    }
    let findings = try DriverConformance.check(after.edge, seed: 4, operations: 20)
    #expect(findings == [])
  }

  @Test("B-03 a file is cut behind the first cluster's mended place, not behind the one that the header had")
  func cuts() throws {
    // With clusters of one sector, those that are stored stand before the place that the header has.
    let bytes = try ParallelsFormatTests.small().littleChanged([(28, 4, 1)])
    let broken = try MemoryParallels(bytes, flags: [.writable, .checking])
    #expect(try broken.check().lines.first == "ERROR data_off field has incorrect value")
    _ = try broken.repair(.all)
    try broken.close()
    let check = try MemoryParallels(broken.memory.bytes).check()
    #expect(check.lines == [] && check.result.leaks == 0)
  }

  @Test(
    "the map of a small cluster cannot lead into the header or into itself", arguments: [1, 2, 3] as [UInt64])
  func header(_ place: UInt64) throws {
    // 1024 clusters of 512 bytes: the map ends in sector 8.
    let image = try MemoryParallels(size: 512 << 10, ["cluster_size": "512"])
    try image.edge.write(at: 0, [UInt8](repeating: 7, count: 1024))
    try image.close()
    let broken = try MemoryParallels(
      image.memory.bytes.littleChanged([(68, 4, place)]), flags: [.writable, .checking])
    let error = #expect(throws: BlockError.self) { _ = try broken.edge.array(at: 512, count: 1) }
    #expect(error?.kind == .corrupt)
    let found = try broken.check()
    #expect(
      found.lines == [
        "ERROR cluster 1 is inside the header or the block map",
        "ERROR space leaked at the end of the image 512",
      ])
    #expect(throws: BlockError.self) { try broken.edge.write(at: 512, [1]) }
    _ = try broken.repair(.all)
    #expect(try broken.check().lines == [])
    #expect(
      try broken.edge.array(at: 0, count: 1024) == [UInt8](repeating: 7, count: 512)
        + [UInt8](repeating: 0, count: 512))
  }

  @Test("a disk longer than its map reads as zeros there, until it is resized")
  func shortMap() throws {
    let bytes = try ParallelsFormatTests.small().littleChanged([(32, 4, 17)])
    let image = try MemoryParallels(bytes)
    #expect(image.edge.length == 4 << 20)
    #expect(try image.edge.array(at: 16 << 16, count: 65537) == [UInt8](repeating: 2, count: 65536) + [0])
    #expect(throws: BlockError.self) { try image.edge.write(at: 48 << 16, [1]) }
    try image.edge.writeZeroes(at: 0, length: 4 << 20, mayUnmap: true)
    try image.edge.truncate(to: 4 << 20)
    try image.edge.write(at: 48 << 16, [1])
    #expect(try image.edge.array(at: 48 << 16, count: 2) == [1, 0])
    try image.close()
    #expect(try MemoryParallels(image.memory.bytes).check().lines == [])
  }

  @Test(
    "a file that ends inside the last cluster or before it lost bytes, which read as zero and get their room",
    arguments: [1, 512, 1000, 65535, 65536])
  func shortFile(_ missing: Int) throws {
    let bytes = try ParallelsFormatTests.small()
    let short = Array(bytes.dropLast(missing))
    let broken = try MemoryParallels(short, flags: [.writable, .checking])
    let found = try broken.check()
    #expect(found.lines == ["ERROR cluster 48 is outside image"] && found.result.corruptions == 1)
    #expect(found.result.leaks == 0)
    _ = try broken.repair(.all)
    try broken.close()
    let mended = try MemoryParallels(broken.memory.bytes)
    #expect(try mended.check().lines == [])
    #expect(try mended.edge.array(at: 48 << 16, count: 65536 - missing).consists(of: 3))
    guard missing < 65536 else { return }
    let image = try MemoryParallels(short)
    let kept = 65536 - missing
    let expected = [UInt8](repeating: 3, count: kept) + [UInt8](repeating: 0, count: missing)
    #expect(try image.edge.array(at: 48 << 16, count: 65536) == expected)
    try image.edge.write(at: (49 << 16) - 1, [8])
    #expect(try image.edge.array(at: 48 << 16, count: 65536) == expected.dropLast() + [8])
    try image.edge.write(at: 0, [UInt8](repeating: 4, count: 1 << 17))
    #expect(try image.edge.array(at: 48 << 16, count: 65536) == expected.dropLast() + [8])
  }

  @Test("a file may end behind the end of the disk inside the last cluster", arguments: [0, 1, 64000])
  func shortDisk(_ missing: Int) throws {
    let image = try MemoryParallels(size: 65536 + 1536, ["cluster_size": "64k"])
    try image.edge.write(at: 0, [UInt8](repeating: 6, count: 65536 + 1536))
    try image.close()
    let bytes = image.memory.bytes
    #expect(try MemoryParallels(Array(bytes.dropLast(missing))).check().lines == [])
    let cut = try MemoryParallels(Array(bytes.dropLast(64001))).check()
    #expect(cut.lines == ["ERROR cluster 1 is outside image"])
  }

  @Test("a file that ends in its header or its map", arguments: [3, 19, 60, 100, 320])
  func cut(_ count: Int) throws {
    let bytes = Array(try ParallelsFormatTests.small().prefix(count))
    do {
      // As qemu-img has it, what the last sector lacks is zero.
      let image = try MemoryParallels(bytes, flags: [])
      #expect(count >= 60)
      _ = try image.edge.array(at: 0, count: 4 << 20)
    } catch {
      #expect(count < 60 && !error.message.isEmpty)
    }
  }

  @Test("a map that leads far behind the file's end is not written to")
  func farAway() throws {
    let image = try MemoryParallels(try ParallelsFormatTests.small().littleChanged([(64, 4, 0x7700_0000)]))
    #expect(try image.edge.array(at: 0, count: 512).consists(of: 0))
    let error = #expect(throws: BlockError.self) { try image.edge.write(at: 0, [1]) }
    #expect(error?.kind == .corrupt && error?.advice != nil)
    #expect(throws: BlockError.self) { try image.edge.write(at: 3 << 16, [1]) }
    #expect(image.memory.bytes.count == 4 << 16)
  }

  @Test("grows inside the room of its map and beyond, and back")
  func lengths() throws {
    let image = try MemoryParallels(size: 1 << 20, ["cluster_size": "4k"])
    let pieces = stride(from: 0, to: 1_040_000, by: 5 << 12)
    for (index, offset) in pieces.enumerated() {
      try image.edge.write(at: UInt64(offset), [UInt8](repeating: UInt8(index + 1), count: 5000))
    }
    func check() throws {
      for (index, offset) in pieces.enumerated() {
        let found = try image.edge.array(at: UInt64(offset), count: 5000)
        #expect(found.allSatisfy { $0 == UInt8(index + 1) })
      }
      #expect(try image.check().lines == [])
    }
    for size in [3 << 20, 5 << 20, 64 << 20, 1 << 30, 2 << 20, 1 << 20] as [UInt64] {
      try image.edge.truncate(to: size)
      #expect(image.edge.length == size)
      try check()
    }
    #expect(throws: BlockError.self) { try image.edge.truncate(to: 1 << 45) }
    #expect(throws: BlockError.self) { try image.edge.truncate(to: 1000) }
    try image.edge.truncate(to: 2 << 20, preallocation: .full)
    #expect(try image.check().result.allocatedClusters >= 256)
  }

  @Test("B-02 a crash while the map takes the room of the first clusters loses nothing")
  func growthCrash() throws {
    let image = try MemoryParallels(size: 300 << 10, ["cluster_size": "512"])
    for cluster in 0..<6 as Range<UInt64> {
      try image.edge.write(at: cluster << 9, [UInt8](repeating: UInt8(cluster + 1), count: 512))
    }
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    try image.edge.truncate(to: 1 << 20)
    try image.close()
    let history = try #require(image.fault.history)
    try history.forEachLoss(seed: 8) { (moment, loss, bytes) in
      let left = try MemoryParallels(
        bytes, flags: [.writable, .checking])
      #expect([300 << 10, 1 << 20].contains(left.edge.length))
      let found = try left.check()
      #expect(
        found.lines.allSatisfy { $0.contains("leaked") || $0.contains("not closed") }, "\(found.lines)")
      for cluster in 0..<6 as Range<UInt64> {
        let content = try left.edge.array(at: cluster << 9, count: 512)
        #expect(content.allSatisfy { $0 == UInt8(cluster + 1) })
      }
    }
  }

  @Test("an image is made with any cluster size that is a number of sectors")
  func sizes() throws {
    for (size, cluster, tracks, data) in [
      (10 << 20, "1", 1, 161), (10 << 20, "1000", 2, 82), (10 << 20, "1025", 3, 54), (0, "64k", 128, 128),
      (1 << 50, "64M", 131_072, 262_144),
    ] as [(UInt64, String, UInt32, UInt32)] {
      let plan = try ParallelsPlan(size: size, ["cluster_size": .string(cluster)])
      #expect(plan.header.tracks == tracks && plan.header.dataOffset == data, "\(cluster)")
    }
    for (size, cluster, message) in [
      (1 << 20, "0", "Image size is too large for this cluster size"),
      (1 << 20, "2G", "Cluster size is too large"),
      (1 << 20, "2147483647", "Cluster size is too large"),
      (1 << 40, "512", "Image size is too large for this cluster size"),
      (1 << 63, "1G", "Image size is too large for this cluster size"),
    ] as [(UInt64, String, String)] {
      let error = #expect(throws: BlockError.self) {
        _ = try ParallelsPlan(size: size, ["cluster_size": .string(cluster)])
      }
      #expect(error?.message == message)
    }
  }

  @Test("a header of any bytes behind the magic opens or is refused, and what opens can be read")
  func noise() throws {
    let whole = try ParallelsFormatTests.small()
    var numbers = SeededNumbers(seed: 4)
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &numbers) {
        bytes[Int.random(in: 20..<324, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      guard let image = try? MemoryParallels(bytes, flags: []) else { continue }
      _ = try? image.edge.array(at: 0, count: Int(min(image.edge.length, 65536)))
      if image.edge.length < 1 << 30 { _ = try? image.check().result }
    }
  }
}
