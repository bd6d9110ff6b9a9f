// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// A defect of one entry of a block table.
package struct BlockFinding: Sendable, Equatable {
  /// The ways in which an entry can be wrong.
  package enum Kind: Sendable, Equatable {
    /// It points to no place where that can be.
    case nowhere
    /// The file ends before that does.
    case pastEnd
    /// Something else is there.
    case shared
  }

  /// The way in which the entry is wrong.
  package let kind: Kind
  /// The block, table or bitmap whose entry it is.
  package let item: BlockTableItem
  /// The entry's value.
  package let value: UInt64
}

/// Places of blocks that nothing takes and that a repair can give back.
///
/// What is reserved stays where it is, so that no file can be cut before it: places there are worth something only as far
/// as blocks from behind it can move to them.
private struct LeakedPlaces {
  private let layout: BlockTableLayout
  private let endOfReserved: UInt64
  private var behind: UInt64 = 0
  private var before: UInt64 = 0
  private var movableBlocks: UInt64 = 0

  init(_ layout: BlockTableLayout) {
    self.layout = layout
    endOfReserved = layout.endOfReserved
  }

  var count: UInt64 { behind + min(before, movableBlocks) }

  /// Notes what starts at a unit: each item once.
  mutating func note(_ item: BlockTableItem, at unit: UInt64) {
    if case .block = item, unit >= endOfReserved { movableBlocks += 1 }
  }

  /// Adds units that nothing points to. Only room for whole blocks counts: none finds a place in what is smaller.
  mutating func add(_ run: Range<UInt64>) {
    let places = layout.placeCount(in: run)
    if run.lowerBound < endOfReserved { before += places } else { behind += places }
  }
}

/// A look at all entries for those that contradict each other or the file, and for places that nothing takes.
struct BlockTableCheck: BlockTableWork {
  let table: BlockTable

  /// Looks at all entries and changes nothing.
  func look(
    _ held: borrowing Held, _ context: JobContext, _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    // A copy for all entries: each costs as much as a look at one.
    let layout = layout
    var result = CheckResult()
    let fileLength = space.areaEnd(try held.node.child(in: .file), held)
    result.totalClusters = layout.blockCount
    context.expect(layout.blockCount)
    var window = UnitWindow(of: layout.unitsInFile(fileLength))
    var leaks = LeakedPlaces(layout)
    var isFirst = true
    var seen: UInt64 = 0
    var expected: (block: UInt64, place: UInt64)?
    var endOfUse = layout.endOfReserved
    repeat {
      let hasWindow = window.advance()
      for range in layout.reserved { _ = window.insert(layout.units(of: range)) }
      try entries.scan(held) { (item, value) throws(BlockError) in
        seen &+= 1
        if seen % 4096 == 0 { try context.checkInterrupted() }
        guard let entry = entries.checked(value, of: item, held) else {
          if isFirst { try note(.nowhere, item, value, &result, report) }
          return
        }
        if isFirst { count(item, entry, layout, &expected, &result) }
        guard let bytes = entries.place(of: item, entry, held) else { return }
        if isFirst { leaks.note(item, at: layout.units(of: bytes).lowerBound) }
        let end = entries.neededEnd(of: item, entry, bytes, held)
        if isFirst, end <= fileLength { endOfUse = max(endOfUse, layout.units(of: bytes).upperBound) }
        if end > fileLength {
          if isFirst { try note(.pastEnd, item, value, &result, report) }
          // What is left of it is no place that was lost.
          if bytes.lowerBound < fileLength { _ = window.insert(layout.units(of: bytes)) }
        } else if !window.insert(layout.units(of: bytes)), entry.place != nil {
          // Compressed blocks stand right behind each other.
          try note(.shared, item, value, &result, report)
        }
      }
      isFirst = false
      guard hasWindow else { break }
      for range in layout.spare { _ = window.insert(layout.units(of: range)) }
      let file = try held.node.child(in: .file)
      window.forEachAbsentRun { run in
        addStored(run, endOfUse: endOfUse, file, held) { leaks.add($0) }
        return true
      }
    } while window.hasMore
    result.leaks = leaks.count
    context.advance(layout.blockCount)
    result.imageEndOffset = fileLength + table.fileEnd.trailerBytes
    return result
  }

  /// Counts a block that is stored.
  private func count(
    _ item: BlockTableItem, _ entry: BlockEntry, _ layout: BlockTableLayout,
    _ expected: inout (block: UInt64, place: UInt64)?, _ result: inout CheckResult
  ) {
    guard case .block(let block) = item else { return }
    if case .compressed = entry {
      result.allocatedClusters += 1
      result.compressedClusters += 1
    }
    guard let place = entry.place else { return }
    result.allocatedClusters += 1
    if let expected, !layout.gapsAreNoFragments || expected.block == block,
      place < expected.place || place - expected.place >= layout.alignment
    {
      result.fragmentedClusters += 1
    }
    expected = (block + 1, place + layout.stride)
  }

  private func note(
    _ kind: BlockFinding.Kind, _ item: BlockTableItem, _ value: UInt64, _ result: inout CheckResult,
    _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) {
    result.corruptions += 1
    try report(BlockFinding(kind: kind, item: item, value: value))
  }

  /// Places of blocks in the file that nothing takes, and how many of them cost space.
  func leakedPlaces(_ held: borrowing Held) throws(BlockError) -> (all: UInt64, stored: UInt64) {
    var all = LeakedPlaces(layout)
    var endOfUse = layout.endOfReserved
    try entries.scan(held) { (item, value) throws(BlockError) in
      let entry = try entries.entry(value, of: item, held)
      guard let units = entries.units(of: item, entry, held) else { return }
      endOfUse = max(endOfUse, units.upperBound)
      all.note(item, at: units.lowerBound)
    }
    var stored = all
    let file = try held.node.child(in: .file)
    var window = UnitWindow(of: layout.unitsInFile(space.areaEnd(file, held)))
    while window.advance() {
      try space.insertUsed(into: &window, held)
      window.forEachAbsentRun { run in
        all.add(run)
        addStored(run, endOfUse: endOfUse, file, held) { stored.add($0) }
        return true
      }
    }
    return (all.count, stored.count)
  }

  /// Calls `body` with the parts of a run of units that nothing points to that are worth giving back: those in which the
  /// file has bytes rather than a hole, and everything behind the last unit in use, which makes the file longer.
  private func addStored(
    _ run: Range<UInt64>, endOfUse: UInt64, _ file: Edge, _ held: borrowing Held,
    _ body: (Range<UInt64>) -> Void
  ) {
    guard run.lowerBound < endOfUse else { return body(run) }
    let end = layout.offset(ofUnit: run.upperBound)
    var position = layout.offset(ofUnit: run.lowerBound)
    var found: Range<UInt64>?
    while position < end {
      // Where the file cannot tell, there are bytes.
      let extent = position < file.length ? try? file.extent(at: position, length: end - position) : nil
      let length = extent?.length ?? end - position
      if extent?.kind != .zero {
        let units = layout.units(of: position..<position + length)
        if let before = found, before.upperBound >= units.lowerBound {
          found = before.lowerBound..<units.upperBound
        } else {
          if let before = found { body(before) }
          found = units
        }
      }
      position += length
    }
    if let found { body(found) }
  }
}
