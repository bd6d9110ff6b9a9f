// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import BlockTables
import Bytes
import Errors
import Support
import Testing

/// What a crash leaves of writes, zeros and discards, at every moment.
@Suite struct TableCrashTests {
  private static let length = 50_176

  /// Changes of ranges that do not overlap, so that each byte is what it was or what it became.
  private func change(_ edge: Edge, _ numbers: inout SeededNumbers) throws {
    var start = 0
    while start < TableCrashTests.length {
      let count = min(Int.random(in: 1...9000, using: &numbers), TableCrashTests.length - start)
      let (offset, length) = (UInt64(start), UInt64(count))
      switch Int.random(in: 0..<6, using: &numbers) {
      case 0, 1, 2:
        try edge.write(
          at: offset, [UInt8](repeating: UInt8.random(in: 1...255, using: &numbers), count: count))
      case 3: try edge.writeZeroes(at: offset, length: length, mayUnmap: Bool.random(using: &numbers))
      case 4: try edge.discard(at: offset, length: length)
      default: try edge.flush()
      }
      start += count
    }
    try edge.flush()
  }

  @Test(
    "B-02 every moment of a program leaves each byte as it was or as it became, and leaks at worst",
    arguments: TableShape.all)
  func moments(_ shape: TableShape) throws {
    var numbers = SeededNumbers(seed: 2)
    let image = try TableImage(shape, length: UInt64(TableCrashTests.length))
    try change(image.edge, &numbers)
    let before = try image.edge.array(at: 0, count: TableCrashTests.length)
    image.fault.record(from: image.memory.bytes)
    try change(image.edge, &numbers)
    let after = try image.edge.array(at: 0, count: TableCrashTests.length)
    let history = try #require(image.fault.history)
    for moment in 0...history.count {
      for loss in StorageHistory.Loss.allCases {
        let bytes = history.bytes(after: moment, losing: loss, &numbers)
        if shape.hasTrailer { #expect(bytes.suffix(512) == TableTrailer.bytes[...], "\(moment), \(loss)") }
        let left = try TableImage(shape, bytes)
        let check = try left.check()
        #expect(check.result.corruptions == 0, "\(moment), \(loss): \(check.lines)")
        let content = try left.edge.array(at: 0, count: TableCrashTests.length)
        #expect(content.isMixture(of: before, after), "\(moment), \(loss)")
        if moment == history.count { #expect(content == after) }
      }
    }
  }

  @Test(
    "B-02 a disk that grows after any moment of a shrink has zeros where it grew, also after a repair",
    arguments: TableShape.all)
  func shrinkAndGrow(_ shape: TableShape) throws {
    guard !shape.isOverlay else { return }
    var numbers = SeededNumbers(seed: 5)
    let (short, long) = (20_480, 60_416)
    let image = try TableImage(shape, length: UInt64(TableCrashTests.length))
    try image.edge.write(at: 0, [UInt8](repeating: 7, count: TableCrashTests.length))
    try image.edge.flush()
    image.fault.record(from: image.memory.bytes)
    try image.edge.truncate(to: UInt64(short))
    try image.edge.flush()
    let history = try #require(image.fault.history)
    for moment in 0...history.count {
      for repairs in [false, true] {
        let bytes = history.bytes(after: moment, losing: .nothing, &numbers)
        let left = try TableImage(shape, bytes)
        let kept = Int(left.edge.length)
        if repairs {
          _ = try left.repair(.all)
          try left.edge.write(at: 0, [UInt8](repeating: 9, count: 512))
        }
        try left.edge.truncate(to: UInt64(long))
        let content = try left.edge.array(at: 0, count: long)
        let isKept = content[(repairs ? 512 : 0)..<kept].consists(of: 7)
        let isBlank = content[kept...].consists(of: 0)
        #expect(isKept && isBlank, "\(moment), \(repairs)")
        #expect(try left.check().result.corruptions == 0, "\(moment), \(repairs)")
      }
    }
  }

  @Test(
    "B-02 where there is a log, no entry and no bit changes before the log has it, safe",
    arguments: TableShape.journaled)
  func log(_ shape: TableShape) throws {
    var numbers = SeededNumbers(seed: 3)
    let image = try TableImage(shape, length: UInt64(TableCrashTests.length))
    try change(image.edge, &numbers)
    let start = Buffer(image.memory.bytes)
    let log = Int(start.bytes.big64(at: 48))
    // Every part of a table that there is from now on.
    var tables = [512..<log]
    if let perTable = shape.perTable {
      let table = Int(TableFormat.load(512, start.bytes, shape))
      tables.append(table..<table + Int(perTable) * shape.width)
    }
    if case .apart(let every) = shape.bits {
      let coding = TableCoding(shape: shape, areaOffset: start.bytes.big64(at: 24))
      let value = TableFormat.load(512 + Int(every) * shape.width, start.bytes, shape)
      if case .data(let place)? = coding.entry(of: value) { tables.append(Int(place)..<Int(place) + 512) }
    }
    image.fault.record(from: image.memory.bytes)
    try change(image.edge, &numbers)
    try image.close()
    var changes = 0
    try #require(image.fault.history).forEachStep { step in
      for table in tables {
        for sector in stride(from: table.lowerBound, to: table.upperBound, by: 512)
        where step.safe[sector..<sector + 512] != step.alone[sector..<sector + 512] {
          changes += 1
          let safe = Buffer(step.safe)
          #expect(safe.bytes.big64(at: log + 8) == UInt64(sector), "\(step.number)")
          #expect(step.safe[log + 512..<log + 1024] == step.alone[sector..<sector + 512], "\(step.number)")
        }
      }
    }
    #expect(changes > 0)
  }

  @Test("a new table is safe with its entries before the directory names it", arguments: TableShape.twoLevel)
  func order(_ shape: TableShape) throws {
    let image = try TableImage(shape, length: UInt64(TableCrashTests.length))
    image.fault.record(from: image.memory.bytes)
    try image.edge.write(at: 0, [UInt8](repeating: 1, count: 1000))
    try image.edge.flush()
    let width = shape.width
    func table(_ bytes: [UInt8]) -> UInt64 { TableFormat.load(512, Buffer(bytes).bytes, shape) }
    var isNamed = false
    try #require(image.fault.history).forEachStep { step in
      guard table(step.safe) == 0, table(step.after) != 0, !isNamed else { return }
      isNamed = true
      let offset = Int(table(step.after))
      #expect(step.safe.count >= offset + width)
      #expect(step.safe[offset..<offset + width].contains { $0 != 0 })
    }
    #expect(isNamed)
  }
}
