// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors
import Support
import Testing

/// Entries that contradict each other or the file, in tables of every shape.
@Suite struct TableDamageTests {
  enum Defect: CaseIterable, Sendable {
    case shared, pastEnd, onHeader, unaligned, absurd, onTable

    /// The value that a block's entry gets, where the shape can say it, when block 0 stands at `first`.
    func value(_ shape: TableShape, _ coding: TableCoding, _ bytes: RawSpan) -> UInt64? {
      let stored = TableFormat.load(TableFormat(shape: shape).entryOffset(of: 0, bytes), bytes, shape)
      let unit: UInt64? = if case .offset(let unit) = shape.spelling { unit } else { nil }
      switch self {
      case .shared: return stored
      case .pastEnd: return stored + (1 << 28) / (unit ?? 512) / shape.blockSize * shape.blockSize
      case .onHeader: return unit.map { max(1, (coding.areaOffset == 0 ? 0 : 512) / $0) }
      case .unaligned:
        guard let unit, (shape.unit ?? shape.blockSize + shape.lead) > unit else { return nil }
        return stored + 1
      case .absurd: return shape.width == 8 ? 1 << 60 + 1 : nil
      case .onTable:
        guard shape.perTable != nil, let unit else { return nil }
        return TableFormat.load(512, bytes, shape) / unit
      }
    }
  }

  private func image(_ shape: TableShape) throws -> (image: TableImage, content: [UInt8]) {
    let length = 9 * Int(shape.blockSize)
    let image = try TableImage(shape, length: UInt64(length))
    for block in 0..<4 {
      let bytes = [UInt8](repeating: UInt8(block + 1), count: Int(shape.blockSize))
      try image.edge.write(at: UInt64(block) * shape.blockSize, bytes)
    }
    let content = try image.edge.array(at: 0, count: length)
    try image.close()
    return (image, content)
  }

  /// The image with defects in the entries of blocks, and what it had; nil where the shape has no such defect.
  private func broken(_ shape: TableShape, _ defects: [UInt64: Defect]) throws -> (
    image: TableImage, whole: TableImage, content: [UInt8]
  )? {
    let (image, content) = try image(shape)
    let bytes = Buffer(image.memory.bytes)
    let coding = TableCoding(shape: shape, areaOffset: bytes.bytes.big64(at: 24))
    let values = defects.compactMapValues { $0.value(shape, coding, bytes.bytes) }
    guard values.count == defects.count else { return nil }
    return (try image.changed(shape, values), image, content)
  }

  @Test(
    "B-03 each defect is one finding, is mended, and the data of the others is as it was",
    arguments: TableShape.all, Defect.allCases)
  func defects(_ shape: TableShape, _ defect: Defect) throws {
    guard let (broken, _, content) = try broken(shape, [2: defect]) else { return }
    let found = try broken.check()
    #expect(found.result.corruptions == 1 && found.lines.count == 1, "\(found.lines)")
    #expect(found.lines.first?.hasPrefix("ERROR: block 2 ") == true, "\(found.lines)")
    #expect(found.result.leaks == 1 || shape.isFixed, "\(found.result.leaks)")
    let repaired = try broken.repair(.all)
    #expect(repaired.corruptionsFixed == 1 && repaired.corruptions == 0)
    let after = try broken.check()
    #expect(after.lines == [] && after.result.leaks == 0)
    let size = Int(shape.blockSize)
    let now = try broken.edge.array(at: 0, count: content.count)
    #expect(now[..<(2 * size)] == content[..<(2 * size)])
    #expect(now[(3 * size)...] == content[(3 * size)...])
    let findings = try DriverConformance.check(broken.edge, seed: 3, operations: 15)
    #expect(findings == [])
  }

  @Test(
    "B-03 what is under a table's entry in the directory can be wrong, too", arguments: TableShape.twoLevel)
  func directories(_ shape: TableShape) throws {
    let perTable = try #require(shape.perTable)
    let length = perTable * shape.blockSize * 3
    let image = try TableImage(shape, length: length)
    for table in [0, 2] as [UInt64] {
      try image.edge.write(at: table * perTable * shape.blockSize, [UInt8](repeating: 9, count: 1024))
    }
    try image.close()
    let bytes = image.memory.bytes
    let first = TableFormat.load(512, Buffer(bytes).bytes, shape)
    for (value, text) in [
      (first, "is where another is"), (512, "has no place"), (1 << 30 + 65536 * 3, "lies past the end"),
      (first + 1, "has no place"),
    ] as [(UInt64, String)] {
      let value = text == "lies past the end" ? first + (1 << 20) * 3 * shape.blockSize / 512 * 512 : value
      guard shape.width == 8 || value < 1 << 32 else { continue }
      let buffer = Buffer(bytes)
      var changed = buffer.mutableBytes
      TableFormat.store(value, 512 + shape.width, &changed, shape)
      let broken = try TableImage(shape, buffer.bytes.array)
      let found = try broken.check()
      #expect(
        found.lines.first?.hasPrefix("ERROR: block map directory entry 1 \(text)") == true, "\(found.lines)")
      let repaired = try broken.repair(.all)
      #expect(repaired.corruptions == 0)
      let after = try broken.check()
      #expect(after.lines == [] && after.result.leaks == 0, "\(after)")
      #expect(try broken.edge.array(at: 0, count: 1024) == [UInt8](repeating: 9, count: 1024))
      let findings = try DriverConformance.check(broken.edge, seed: 3, operations: 15)
      #expect(findings == [])
    }
  }

  @Test(
    "B-03 a table or a block past the end of the file is not written to, since new ones would come there",
    arguments: TableShape.twoLevel)
  func refusesPastEnd(_ shape: TableShape) throws {
    guard let (broken, _, _) = try broken(shape, [2: .pastEnd]) else { return }
    let error = #expect(throws: BlockError.self) { try broken.edge.write(at: 2 * shape.blockSize, [1]) }
    #expect(error?.kind == .corrupt && error?.message.contains("block map entry 2") == true)
  }

  /// Expects that block 2 is not written to, with words of the error, and that all others are as they were afterwards,
  /// whatever is asked of it.
  private func expectRefusal(
    by broken: TableImage, _ shape: TableShape, _ content: [UInt8], _ words: String
  ) throws {
    let size = Int(shape.blockSize)
    for length in [1, size] {
      let error = #expect(throws: BlockError.self) {
        try broken.edge.write(at: 2 * shape.blockSize, [UInt8](repeating: 9, count: length))
      }
      #expect(error?.kind == .corrupt && error?.message.contains(words) == true)
    }
    try broken.edge.write(at: shape.blockSize, Array(content[size..<2 * size]))
    try? broken.edge.discard(at: 2 * shape.blockSize, length: shape.blockSize)
    try? broken.edge.writeZeroes(at: 2 * shape.blockSize, length: shape.blockSize, mayUnmap: true)
    try broken.close()
    let again = try TableImage(shape, broken.memory.bytes)
    let now = try again.edge.array(at: 0, count: content.count)
    let isSame = now[..<(2 * size)] == content[..<(2 * size)] && now[(3 * size)...] == content[(3 * size)...]
    #expect(isSame)
  }

  @Test(
    "B-03 a block on a table is not written to, and its place not given up: other blocks are as they were",
    arguments: TableShape.twoLevel)
  func refusesOnTable(_ shape: TableShape) throws {
    guard let (broken, _, content) = try broken(shape, [2: .onTable]) else { return }
    try expectRefusal(by: broken, shape, content, "block map entry 2 (0x")
  }

  @Test(
    "B-03 where two tables are in one place, neither's blocks are written to", arguments: TableShape.twoLevel)
  func refusesSharedTables(_ shape: TableShape) throws {
    let perTable = try #require(shape.perTable)
    let image = try TableImage(shape, length: perTable * shape.blockSize * 3)
    for table in 0..<3 as Range<UInt64> {
      try image.edge.write(at: table * perTable * shape.blockSize, [UInt8](repeating: 9, count: 1024))
    }
    try image.close()
    let buffer = Buffer(image.memory.bytes)
    var changed = buffer.mutableBytes
    let first = TableFormat.load(512, buffer.bytes, shape)
    TableFormat.store(first, 512 + shape.width, &changed, shape)
    let broken = try TableImage(shape, buffer.bytes.array)
    for table in 0..<2 as Range<UInt64> {
      let error = #expect(throws: BlockError.self) {
        try broken.edge.write(at: table * perTable * shape.blockSize + shape.blockSize, [1])
      }
      #expect(error?.message.contains("block map directory entry \(table) (0x") == true)
    }
    try broken.edge.write(at: 2 * perTable * shape.blockSize, [1])
  }

  @Test(
    "B-03 blocks on a sector bitmap, and those of bitmaps in one place, are not written to",
    arguments: (TableShape.bitmapped + TableShape.journaled).filter { $0.bitmapBytes > 0 })
  func refusesOnBitmap(_ shape: TableShape) throws {
    guard case .apart(let every) = shape.bits else { return }
    let (image, content) = try image(shape)
    let bits = 512 + Int(every) * shape.width
    let value = TableFormat.load(bits, Buffer(image.memory.bytes).bytes, shape)
    let broken = try image.changed(shape, [2: value])
    try expectRefusal(by: broken, shape, content, "points onto a sector bitmap")
    // The next group has its bits where the first has them.
    let buffer = Buffer(image.memory.bytes)
    var changed = buffer.mutableBytes
    let next = bits + (Int(every) + 1) * shape.width
    guard next + shape.width <= 512 + Int(shape.entries(for: 9)) * shape.width else { return }
    TableFormat.store(value, next, &changed, shape)
    let shared = try TableImage(shape, buffer.bytes.array)
    for block in [0, every] {
      let error = #expect(throws: BlockError.self) { try shared.edge.write(at: block * shape.blockSize, [1]) }
      #expect(error?.message.contains("sector bitmap entry \(block / every) (0x") == true)
    }
  }

  @Test(
    "B-03 what the file still has of a last block is kept: the file gets as long as the block",
    arguments: TableShape.all.filter { !$0.hasTrailer }, [1, 300] as [Int])
  func cutInTheLastBlock(_ shape: TableShape, _ missing: Int) throws {
    let (image, content) = try image(shape)
    let whole = image.memory.bytes
    let cut = try TableImage(shape, Array(whole.dropLast(missing)))
    let found = try cut.check()
    #expect(found.result.corruptions == 1, "\(found.lines)")
    let repaired = try cut.repair(.all)
    #expect(repaired.corruptions == 0 && repaired.corruptionsFixed == 1)
    let after = try cut.check()
    #expect(after.lines == [] && after.result.leaks == 0, "\(after)")
    #expect(cut.memory.bytes.count == whole.count)
    let now = try cut.edge.array(at: 0, count: content.count)
    let first = now.firstDifference(from: content) ?? now.count
    #expect(now.firstDifference(from: content) { $0 >= first + missing } == nil)
  }

  @Test(
    "B-03 a block that shares its place gets one in the file, whatever lies far outside",
    arguments: TableShape.all.filter { !$0.isFixed })
  func farOutside(_ shape: TableShape) throws {
    guard let (broken, whole, content) = try broken(shape, [1: .shared, 2: .pastEnd]) else { return }
    let repaired = try broken.repair(.all)
    #expect(repaired.corruptions == 0 && repaired.corruptionsFixed == 2)
    let after = try broken.check()
    #expect(after.lines == [] && after.result.leaks == 0, "\(after)")
    #expect(broken.memory.bytes.count <= whole.memory.bytes.count)
    let size = Int(shape.blockSize)
    let first = try broken.edge.array(at: 0, count: size)
    #expect(first == Array(content[..<size]))
  }

  @Test(
    "B-03 nothing is written to new places while something points to where they would be",
    arguments: TableShape.twoLevel)
  func refusesAliases(_ shape: TableShape) throws {
    let (image, _) = try image(shape)
    let cut = try TableImage(shape, Array(image.memory.bytes.dropLast(Int(shape.blockSize) * 2)))
    let error = #expect(throws: BlockError.self) { try cut.edge.write(at: 6 * shape.blockSize, [1]) }
    #expect(error?.kind == .corrupt && error?.message.contains("points past the end") == true)
    let repaired = try cut.repair(.all)
    #expect(repaired.corruptions == 0 && repaired.leaks == 0, "\(repaired)")
    try cut.edge.write(at: 6 * shape.blockSize, [1])
    try cut.close()
    let after = try TableImage(shape, cut.memory.bytes).check()
    #expect(after.lines == [] && after.result.leaks == 0, "\(after)")
  }

  @Test("leaks are given back whatever tables lie between them", arguments: TableShape.twoLevel, 1...4)
  func compaction(_ shape: TableShape, _ seed: Int) throws {
    let perTable = try #require(shape.perTable)
    let length = perTable * shape.blockSize * 6
    let image = try TableImage(shape, length: length)
    var numbers = SeededNumbers(seed: UInt64(seed))
    for _ in 0..<30 {
      let block = UInt64.random(in: 0..<perTable * 6, using: &numbers)
      try image.edge.write(at: block * shape.blockSize, SampleDisk.noise(500, &numbers).bytes.array)
    }
    try image.close()
    let buffer = Buffer(image.memory.bytes)
    var bytes = buffer.mutableBytes
    for table in 0..<6 {
      let offset = Int(TableFormat.load(512 + table * shape.width, buffer.bytes, shape))
      guard offset > 0 else { continue }
      for index in 0..<Int(perTable) where Bool.random(using: &numbers) {
        TableFormat.store(0, offset + index * shape.width, &bytes, shape)
        let second = 512 + (256 + table) * shape.width
        guard shape.hasSecond else { continue }
        let twin = Int(TableFormat.load(second, buffer.bytes, shape))
        TableFormat.store(0, twin + index * shape.width, &bytes, shape)
      }
    }
    let leaking = try TableImage(shape, buffer.bytes.array)
    let content = try leaking.edge.array(at: 0, count: Int(length))
    let leaks = try leaking.check().result.leaks
    #expect(leaks > 0)
    _ = try leaking.repair(.leaks)
    let after = try leaking.check()
    #expect(after.lines == [] && after.result.leaks == 0, "\(leaks): \(after)")
    #expect(leaking.memory.bytes.count < buffer.count)
    let isKept = try leaking.edge.array(at: 0, count: Int(length)) == content
    #expect(isKept)
    try leaking.close()
    let again = try TableImage(shape, leaking.memory.bytes)
    let isStored = try again.edge.array(at: 0, count: Int(length)) == content
    #expect(isStored)
  }

  @Test(
    "the second directory's tables have the same entries",
    arguments: TableShape.twoLevel.filter { $0.hasSecond })
  func second(_ shape: TableShape) throws {
    let (image, _) = try image(shape)
    let bytes = Buffer(image.memory.bytes)
    let offsets = [512, 512 + 256 * shape.width].map { Int(TableFormat.load($0, bytes.bytes, shape)) }
    #expect(offsets[0] != offsets[1] && offsets[1] > 0)
    let tables = offsets.map { Array(image.memory.bytes[$0..<$0 + Int(shape.perTable ?? 0) * shape.width]) }
    #expect(tables[0] == tables[1] && tables[0].contains { $0 != 0 })
  }
}
