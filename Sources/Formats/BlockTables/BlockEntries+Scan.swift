// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A look at all entries.
extension BlockEntries {
  /// Whether entries are nothing but holes, without a look at each.
  func areHoles(_ entries: RawSpan, _ coding: any BlockEntryCoding) -> Bool {
    coding.value(of: .hole) == 0 && entries.isZero
  }

  /// Calls `body` with the value of each entry, as it stands in the file: those of directories, and then those of the
  /// blocks that the guest's disk has or is about to have and of their bitmaps. Tables that cannot be are passed over,
  /// and holes may be.
  func scan(_ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    let blocks = max(layout.blockCount, madeBlocks)
    guard let directory = layout.directory else { return try scanTable(blocks, held, body) }
    try scanDirectory(held, body)
    let end = try held.node.child(in: .file).length
    try scan(layout.tableOffset, blocks.dividedUp(by: directory.perTable), directory.coding, held) {
      (number, value) throws(BlockError) in
      guard let table = self.checked(value, of: .table(number), held)?.place, table < end else { return }
      let first = number * directory.perTable
      try self.scan(table, min(directory.perTable, blocks - first), self.coding, held) {
        (index, value) throws(BlockError) in try body(.block(first + index), value)
      }
    }
  }

  /// The entries of directories.
  func scanDirectory(_ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void)
    throws(BlockError)
  {
    guard let directory = layout.directory else { return }
    let tables = layout.capacity / directory.perTable
    for second in [false, true] where !second || directory.second != nil {
      let start = second ? directory.second ?? 0 : layout.tableOffset
      try scan(start, tables, directory.coding, held) { (number, value) throws(BlockError) in
        try body(second ? .secondTable(number) : .table(number), value)
      }
    }
  }

  /// The entries of a table that stands alone.
  private func scanTable(
    _ blocks: UInt64, _ held: borrowing Held, _ body: (BlockTableItem, UInt64) throws(BlockError) -> Void
  ) throws(BlockError) {
    guard let every = layout.bitmapGroup else {
      return try scan(layout.tableOffset, blocks, coding, held) { (index, value) throws(BlockError) in
        try body(.block(index), value)
      }
    }
    let count = min(layout.capacity, blocks.dividedUp(by: every) * (every + 1))
    try scan(layout.tableOffset, count, coding, held) { (index, value) throws(BlockError) in
      let block = index - index / (every + 1)
      if index % (every + 1) == every {
        try body(.bitmap(index / (every + 1)), value)
      } else if block < blocks {
        try body(.block(block), value)
      }
    }
  }

  private func scan(
    _ start: UInt64, _ count: UInt64, _ coding: any BlockEntryCoding, _ held: borrowing Held,
    _ body: (UInt64, UInt64) throws(BlockError) -> Void
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
      if areHoles(buffer.bytes.slice(0..<Int(run * width)), coding) {
        index += run
        continue
      }
      for step in 0..<run {
        try body(index + step, coding.value(buffer.bytes, at: Int(step * width)))
      }
      index += run
    }
  }
}
