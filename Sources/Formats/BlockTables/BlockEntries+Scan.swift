// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A look at all entries.
extension BlockEntries {
  /// The entries that a look passes over.
  enum Passed {
    /// Holes as the format spells them.
    case holes
    /// All that name no place, though they make sense: holes and zeros, however they are spelled.
    case placeless
  }

  /// Calls `body` with the value of each entry that names a place or makes no sense, as it stands in the file: those of
  /// directories, and then those of the blocks that the guest's disk has or is about to have and of their bitmaps. Tables
  /// that cannot be are passed over.
  func scan(
    passing passed: Passed = .placeless, _ held: borrowing Held,
    _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    try scanDirectory(held, body)
    try scan(0..<max(layout.blockCount, madeBlocks), passing: passed, held, body)
  }

  /// The entries of blocks, and of the bitmaps among them, but those that are passed over.
  func scan(
    _ blocks: Range<UInt64>, passing passed: Passed = .placeless, _ held: borrowing Held,
    _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let directory = layout.directory else { return try scanTable(blocks, passed, held, body) }
    let end = try held.node.child(in: .file).length
    let perTable = directory.perTable
    let first = blocks.lowerBound / perTable
    let start = layout.tableOffset + first * UInt64(directory.coding.width)
    try scan(start, blocks.upperBound.dividedUp(by: perTable) - first, directory.coding, passed, held) {
      (index, value) throws(BlockError) in
      let number = first + index
      guard let table = self.checked(value, of: .table(number), held)?.place, table < end else { return }
      let part = blocks.clamped(to: number * perTable..<(number + 1) * perTable)
      let inside = part.lowerBound - number * perTable
      try self.scan(
        table + inside * UInt64(self.coding.width), UInt64(part.count), self.coding, passed, held
      ) { (index, value) throws(BlockError) in try body(.block(part.lowerBound + index), value) }
    }
  }

  /// The entries of directories, but holes.
  func scanDirectory(_ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    guard let directory = layout.directory else { return }
    let tables = layout.capacity / directory.perTable
    for second in [false, true] where !second || directory.second != nil {
      let start = second ? directory.second ?? 0 : layout.tableOffset
      try scan(start, tables, directory.coding, .holes, held) { (number, value) throws(BlockError) in
        try body(second ? .secondTable(number) : .table(number), value)
      }
    }
  }

  /// The entries of a table that stands alone.
  private func scanTable(
    _ blocks: Range<UInt64>, _ passed: Passed, _ held: borrowing Held,
    _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let width = UInt64(coding.width)
    guard let every = layout.bitmapGroup else {
      let start = layout.tableOffset + blocks.lowerBound * width
      return try scan(start, UInt64(blocks.count), coding, passed, held) {
        (index, value) throws(BlockError) in
        try body(.block(blocks.lowerBound + index), value)
      }
    }
    let first = layout.entryIndex(of: .block(blocks.lowerBound))
    let end = min(layout.capacity, blocks.upperBound.dividedUp(by: every) * (every + 1))
    guard first < end else { return }
    try scan(layout.tableOffset + first * width, end - first, coding, passed, held) {
      (index, value) throws(BlockError) in
      let index = first + index
      let block = layout.blocks(before: index)
      if index % (every + 1) == every {
        try body(.bitmap(index / (every + 1)), value)
      } else if block < blocks.upperBound {
        try body(.block(block), value)
      }
    }
  }

  private func scan(
    _ start: UInt64, _ count: UInt64, _ coding: any BlockEntryCoding, _ passed: Passed,
    _ held: borrowing Held, _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let file = try held.node.child(in: .file)
    let width = UInt64(coding.width)
    let buffer = Buffer(count: Int(min(1 << 20, max(1, count) * width)))
    let perRun = UInt64(buffer.count) / width
    var index: UInt64 = 0
    while index < count {
      if let holes = try holes(at: start + index * width, coding, held), holes > 0 {
        index += min(holes, count - index)
        continue
      }
      let run = min(perRun, count - index)
      var bytes = buffer.mutableBytes
      var part = bytes.slice(0..<Int(run * width))
      try file.read(at: start + index * width, into: &part)
      try look(at: buffer.bytes.slice(0..<Int(run * width)), of: run, coding, passed) {
        (step, value) throws(BlockError) in try body(index + step, value)
      }
      index += run
    }
  }

  /// Calls `body` with those of `count` entries that are not passed over.
  private func look(
    at entries: RawSpan, of count: UInt64, _ coding: any BlockEntryCoding, _ passed: Passed,
    _ body: (UInt64, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    let width = coding.width
    let hole = coding.value(of: .hole)
    var step: UInt64 = 0
    while step < count {
      let value = coding.value(entries, at: Int(step) * width)
      let isPassed =
        switch passed {
        case .holes: value == hole
        case .placeless:
          value == hole || coding.entry(of: value).map { $0 == .hole || $0 == .zero } == true
        }
      if isPassed {
        step += coding.sameEntries(entries, at: Int(step) * width, of: count - step)
      } else {
        try body(step, value)
        step += 1
      }
    }
  }
}
