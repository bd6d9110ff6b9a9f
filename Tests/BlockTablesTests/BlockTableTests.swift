// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors
import Host
import Options
import Support
import Testing

@Suite("Block tables")
struct BlockTableTests {
  static let length: UInt64 = 200_192

  @Test(
    "B-01 random programs against a shadow disk, and the same disk when opened anew",
    arguments: TableShape.all, 1...2)
  func programs(_ shape: TableShape, _ seed: Int) throws {
    let image = try TableImage(shape, length: BlockTableTests.length)
    let findings = try DriverConformance.check(image.edge, seed: UInt64(seed), operations: 100)
    #expect(findings == [])
    let content = try image.edge.array(at: 0, count: Int(BlockTableTests.length))
    try image.close()
    let again = try TableImage(shape, image.memory.bytes)
    let isSame = try again.edge.array(at: 0, count: content.count) == content
    #expect(isSame)
    #expect(try again.check().lines == [])
    _ = try again.repair(.leaks)
    let isKept = try again.edge.array(at: 0, count: content.count) == content
    #expect(isKept)
    let result = try again.check().result
    #expect(result.leaks == 0 && result.corruptions == 0)
  }

  @Test(
    "an image is emptied, whatever finds its blocks, and the backing file shows through",
    arguments: TableShape.all)
  func emptied(_ shape: TableShape) throws {
    guard !shape.isFixed, !shape.placesStay || shape.perTable != nil else { return }
    let image = try TableImage(shape, length: BlockTableTests.length)
    let before = try image.edge.array(at: 0, count: Int(BlockTableTests.length))
    let start = image.memory.bytes.count
    try image.edge.write(at: 1000, [UInt8](repeating: 5, count: 150_000))
    try image.edge.makeEmpty()
    let isAsBefore = try image.edge.array(at: 0, count: before.count) == before
    #expect(isAsBefore)
    #expect(image.memory.bytes.count < start + Int(shape.spare + shape.blockSize + shape.lead))
    let check = try image.check()
    #expect(check.lines == [] && check.result.leaks == 0 && check.result.allocatedClusters == 0)
    #expect(try DriverConformance.check(image.edge, seed: 6, operations: 30) == [])
  }

  @Test("what is left alone is no leak, takes no new block, and may have blocks")
  func spare() throws {
    let shape = TableShape(width: 8, spelling: .offset(unit: 512), spare: 16384)
    let image = try TableImage(shape, length: BlockTableTests.length)
    let start = Int(Buffer(image.memory.bytes).bytes.big64(at: 32))
    try image.edge.write(at: 0, [UInt8](repeating: 5, count: 8192))
    try image.edge.flush()
    #expect(try image.check().result.leaks == 0)
    try image.close()
    #expect(image.memory.bytes.count == start + 16384 + 8192)
    let other = try image.changed(shape, [0: UInt64(start) / 512])
    let check = try other.check()
    #expect(check.lines == [] && check.result.leaks == 1)
    #expect(try other.repair(.leaks).leaksFixed == 1)
    #expect(try other.edge.array(at: 4096, count: 4096) == [UInt8](repeating: 5, count: 4096))
  }

  @Test("gaps before what stays where it is are leaks only as far as blocks from behind it fit there")
  func gaps() throws {
    let shape = TableShape(width: 8, spelling: .offset(unit: 512), gap: 3 * 4096)
    let image = try TableImage(shape, length: BlockTableTests.length)
    #expect(try image.check().result.leaks == 0)
    try image.edge.write(at: 8192, [UInt8](repeating: 5, count: 8192))
    try image.close()
    let size = image.memory.bytes.count
    let again = try TableImage(shape, image.memory.bytes)
    #expect(try again.check().result.leaks == 2)
    #expect(try again.repair(.leaks).leaksFixed == 2)
    #expect(again.memory.bytes.count == size - 8192)
    #expect(try again.check().result.leaks == 0)
    #expect(try again.edge.array(at: 8192, count: 8192) == [UInt8](repeating: 5, count: 8192))
  }

  @Test("a place that was given up and is a hole of the file wastes nothing; where it is not, it is a leak")
  func holes() throws {
    let shape = TableShape(width: 8, blockSize: 8192)
    let image = try TableImage(shape, length: BlockTableTests.length)
    try image.edge.write(at: 0, [UInt8](repeating: 5, count: 5 * 8192))
    try image.edge.writeZeroes(at: 8192, length: 2 * 8192, mayUnmap: true)
    try image.edge.flush()
    #expect(try image.check().result.leaks == 0)
    let length = image.memory.bytes.count
    // The last place goes, wherever it was used from.
    try image.edge.writeZeroes(at: 4 * 8192, length: 8192, mayUnmap: true)
    try image.edge.flush()
    #expect(image.memory.bytes.count == length - 8192)
    #expect(try image.check().result.leaks == 0)
    // The next block takes one of the others.
    try image.edge.write(at: 4 * 8192, [UInt8](repeating: 5, count: 8192))
    try image.close()
    let copied = try TableImage(shape, image.memory.bytes)
    #expect(try copied.check().result.leaks == 1)
    #expect(try copied.repair(.leaks).leaksFixed == 1)
    #expect(copied.memory.bytes.count == image.memory.bytes.count - 8192)
    #expect(try copied.edge.array(at: 8192, count: 4) == [0, 0, 0, 0])
    #expect(try copied.edge.array(at: 3 * 8192, count: 8192) == [UInt8](repeating: 5, count: 8192))
  }

  @Test(
    "B-02 a place that has just been given up is not taken before it is discarded", arguments: TableShape.all)
  func givenUp(_ shape: TableShape) throws {
    let image = try TableImage(shape, length: max(BlockTableTests.length, 3 * shape.blockSize))
    for block in [1, 0] as [UInt64] {
      try image.edge.write(at: block * shape.blockSize, [UInt8](repeating: 1, count: Int(shape.blockSize)))
      try image.edge.flush()
    }
    try image.close()
    let again = try TableImage(shape, image.memory.bytes)
    let data = [UInt8](repeating: 2, count: Int(shape.blockSize))
    // The last block in the file, before anything needed to know where that ends.
    try again.edge.writeZeroes(at: 0, length: shape.blockSize, mayUnmap: true)
    try again.edge.write(at: 2 * shape.blockSize, data)
    try again.edge.flush()
    #expect(try again.edge.array(at: 2 * shape.blockSize, count: data.count) == data)
    #expect(try again.check().lines == [])
  }

  @Test("spaces that were given up are used again, so that the file does not grow for ever")
  func reuse() throws {
    let shape = TableShape()
    let image = try TableImage(shape, length: BlockTableTests.length)
    for _ in 0..<20 {
      try image.edge.write(at: 0, [UInt8](repeating: 7, count: 100_000))
      try image.edge.discard(at: 0, length: 98_304)
      try image.edge.flush()
    }
    #expect(image.memory.bytes.count < 2 * Int(BlockTableTests.length))
    #expect(try image.check().result.corruptions == 0)
  }

  @Test(
    "B-02 a crash at any moment leaves spaces that nothing points to at worst, and keeps what was flushed",
    arguments: TableShape.all, 0..<5)
  func crash(_ shape: TableShape, _ seed: Int) throws {
    var random = SeededNumbers(seed: UInt64(seed))
    let image = try TableImage(shape, length: BlockTableTests.length)
    image.fault.fail(
      Int.random(in: 1...150, using: &random), of: [.write, .zero, .truncate, .flush, .discard], forGood: true
    )
    var program = try CrashProgram(image.edge, length: Int(BlockTableTests.length), random)
    program.run(operations: 80)
    if program.failed { try? image.close() }
    var chance = program.random
    if Bool.random(using: &chance) {
      try image.fault.crash(of: image.file) { _ in Bool.random(using: &chance) }
    } else {
      try image.fault.tear(of: image.file) { Bool.random(using: &chance) }
    }
    if !program.failed { try image.close() }
    let again = try TableImage(shape, image.memory.bytes)
    let check = try again.check()
    #expect(check.result.corruptions == 0, "\(check.lines)")
    #expect(program.isKept(in: try again.edge.array(at: 0, count: Int(BlockTableTests.length))))
  }

  @Test(
    "several writers of neighbouring blocks do not lose each other's bytes", arguments: [0, 512] as [UInt64])
  func writers(_ lead: UInt64) throws {
    let shape = TableShape(blockSize: 1024, lead: lead)
    let image = try TableImage(shape, length: 1 << 18)
    let edge = image.edge
    try Threads.run(4) { (number: Int) throws(BlockError) in
      for round in 0..<200 {
        let offset = UInt64((round * 4 + number) * 300)
        try edge.write(at: offset, [UInt8](repeating: UInt8(number + 1), count: 300))
        if round % 16 == 0 { try edge.flush() }
      }
    }
    let content = try edge.array(at: 0, count: 4 * 200 * 300)
    let isRight = content.indices.allSatisfy { content[$0] == UInt8($0 / 300 % 4 + 1) }
    #expect(isRight)
    #expect(try image.check().lines == [])
  }

  // MARK: Length

  @Test(
    "B-05 disks grow and shrink, also where the table finds no room, and new bytes are zeros",
    arguments: TableShape.all)
  func lengths(_ shape: TableShape) throws {
    guard !shape.isOverlay else { return }
    let image = try TableImage(shape, length: 100_352)
    var numbers = SeededNumbers(seed: 5)
    let noise = SampleDisk.noise(100_352, &numbers).bytes.array
    try image.edge.write(at: 0, noise)
    for length in [1_000_448, 50_176, 1_500_160, 99_328, 100_352] {
      try image.edge.truncate(to: UInt64(length))
      let content = try image.edge.array(at: 0, count: length)
      let kept = min(50_176, length)
      #expect(content[..<kept] == noise[..<kept])
      if length != 1_000_448 {
        let isBlank = content[kept...].consists(of: 0)
        #expect(isBlank, "\(length)")
      } else {
        #expect(content[kept..<100_352] == noise[kept...])
        let isBlank = content[100_352...].consists(of: 0)
        #expect(isBlank)
      }
      #expect(try image.check().lines == [])
    }
    try image.close()
    let again = try TableImage(shape, image.memory.bytes)
    let content = try again.edge.array(at: 0, count: 50_176)
    #expect(content == Array(noise[..<50_176]))
    let findings = try DriverConformance.check(again.edge, seed: 9, operations: 40)
    #expect(findings == [])
  }

  @Test(
    "B-02 growth that is interrupted at any write leaves the old disk or the new",
    arguments: [0, 512] as [UInt64])
  func growthCrash(_ lead: UInt64) throws {
    let shape = TableShape(lead: lead)
    var numbers = SeededNumbers(seed: 5)
    let noise = SampleDisk.noise(100_352, &numbers).bytes.array
    var number = 1
    while true {
      let image = try TableImage(shape, length: 100_352)
      try image.edge.write(at: 0, noise)
      try image.edge.flush()
      image.fault.fail(number, of: [.write, .zero, .truncate, .flush], forGood: true)
      let failed: Bool
      do {
        try image.edge.truncate(to: 8_000_000)
        failed = false
      } catch {
        failed = true
      }
      try? image.close()
      var chance = SeededNumbers(seed: UInt64(number))
      try image.fault.tear(of: image.file) { Bool.random(using: &chance) }
      let again = try TableImage(shape, image.memory.bytes)
      #expect(again.edge.length == 100_352 || again.edge.length == 8_000_000, "\(number)")
      let isKept = try again.edge.array(at: 0, count: 100_352) == noise
      #expect(isKept, "\(number)")
      #expect(try again.check().result.corruptions == 0)
      guard failed else { break }
      number += 1
    }
    #expect(number > 10)
  }

  // MARK: Broken tables

  /// An image of four stored blocks, some of whose entries say something else then.
  private func broken(_ shape: TableShape, _ values: [UInt64: UInt64]) throws -> TableImage {
    let image = try TableImage(shape, length: 40960)
    for block in 0..<4 {
      try image.edge.write(at: UInt64(block) * 4096, [UInt8](repeating: UInt8(block + 1), count: 4096))
    }
    try image.close()
    return try image.changed(shape, values)
  }

  static let defects: [([UInt64: UInt64], [String])] = [
    ([1: 0], ["ERROR: block 1 is where another is (0)"]),
    (
      [1: 0, 2: 0, 3: 0],
      [
        "ERROR: block 1 is where another is (0)", "ERROR: block 2 is where another is (0)",
        "ERROR: block 3 is where another is (0)",
      ]
    ),
    ([2: 1000], ["ERROR: block 2 lies past the end of the file (1000)"]),
    ([3: 1 << 50], ["ERROR: block 3 has no place (0x4000000000000)"]),
    (
      [9: 1 << 39, 0: 1 << 62, 5: 2],
      [
        "ERROR: block 0 has no place (0x4000000000000000)", "ERROR: block 5 is where another is (2)",
        "ERROR: block 9 lies past the end of the file (549755813888)",
      ]
    ),
  ]

  @Test(
    "B-03 entries that make no sense are found one by one and mended, and the others' data is unchanged",
    arguments: defects)
  func mends(_ values: [UInt64: UInt64], _ lines: [String]) throws {
    let shape = TableShape(width: 8)
    let image = try broken(shape, values)
    let check = try image.check()
    #expect(check.lines == lines)
    #expect(check.result.corruptions == UInt64(lines.count))
    let whole = (0..<4).filter { values[UInt64($0)] == nil }
    _ = try image.repair(.all)
    let after = try image.check()
    #expect(after.lines == [] && after.result.leaks == 0)
    for block in whole {
      let content = try image.edge.array(at: UInt64(block) * 4096, count: 4096)
      #expect(content == [UInt8](repeating: UInt8(block + 1), count: 4096))
    }
    let findings = try DriverConformance.check(image.edge, seed: 3, operations: 40)
    #expect(findings == [])
  }

  @Test(
    "B-03 reading what has no place is an error that names the entry, and nothing new is placed on top of others"
  )
  func refuses() throws {
    let image = try broken(TableShape(width: 8), [3: 1 << 50])
    let reading = #expect(throws: BlockError.self) { _ = try image.edge.array(at: 3 * 4096, count: 10) }
    #expect(reading?.kind == .corrupt && reading?.message.contains("block map entry 3") == true)
    let writing = #expect(throws: BlockError.self) { try image.edge.write(at: 6 * 4096, [1]) }
    #expect(writing?.kind == .corrupt)
    #expect(try image.edge.array(at: 0, count: 4096) == [UInt8](repeating: 1, count: 4096))
  }
}
