// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

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

/// Looking for entries that contradict each other or the file, and mending them.
extension BlockTable {
  /// Looks at all entries and changes nothing.
  package func check(
    of node: Node, _ context: JobContext, report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try look(held, context, report)
    }
  }

  /// Mends the findings of a check: the file gets as long as blocks that it ends in, blocks that are nowhere read as zero,
  /// blocks that share a place get their own, and with either kind of repair places that nothing points to go back to the
  /// file system.
  package func repair(
    _ what: CheckRepair, of node: Node, _ context: JobContext,
    report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      guard what == .all else { return try givingBackLeaks(try look(held, context, report), held, context) }
      let fileEnd = areaEnd(try held.node.child(in: .file), held)
      let result = try mendAll(held, context, report, { _ in true }) {
        (broken, held: borrowing Held) throws(BlockError) in
        try self.mend(&broken, fileEnd: fileEnd, held)
      }
      return try givingBackLeaks(result, held, context)
    }
  }

  /// The result of a repair, after which places that nothing points to go back to the file system where nothing else is wrong.
  private func givingBackLeaks(_ result: CheckResult, _ held: borrowing Held, _ context: JobContext)
    throws(BlockError) -> CheckResult
  {
    guard result.corruptions == 0 else { return result }
    var result = result
    result.leaksFixed = try compact(held, context)
    result.leaks -= min(result.leaks, result.leaksFixed)
    return result
  }

  /// Lets items that are nowhere, or past the end of the file, have no place; all else stays as it is and where it is.
  package func dropAbsent(
    of node: Node, _ context: JobContext, report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try mendAll(held, context, report, { $0.kind != .shared }) {
        (absent, held: borrowing Held) throws(BlockError) in
        for finding in absent { try self.mend(finding, held) }
        return false
      }
    }
  }

  /// Looks, and mends those of the findings that are meant, until there are none, or mending does not make them fewer.
  ///
  /// - Parameter mend: takes those out that have to wait for others; tells whether there may be more findings then.
  private func mendAll(
    _ held: borrowing Held, _ context: JobContext, _ report: (BlockFinding) throws(BlockError) -> Void,
    _ isMeant: (BlockFinding) -> Bool,
    _ mend: (inout [BlockFinding], borrowing Held) throws(BlockError) -> Bool
  ) throws(BlockError) -> CheckResult {
    var broken: [BlockFinding] = []
    var fixed: UInt64 = 0
    var result = CheckResult()
    var before = UInt64.max
    repeat {
      broken = []
      result = try look(held, context) { (finding) throws(BlockError) in
        if fixed == 0 { try report(finding) }
        if isMeant(finding), broken.count < BlockTable.rememberedPlaces { broken.append(finding) }
      }
      // Where mending one entry breaks another, it could go on for ever.
      guard result.corruptions < before else { break }
      before = result.corruptions
      // What lies behind the old end of the file may turn out to be shared.
      if try mend(&broken, held) { before = .max }
      try writeOut(held)
      forget(held)
      fixed += UInt64(broken.count)
    } while !broken.isEmpty
    result.corruptionsFixed = fixed
    return result
  }

  /// Lets the block at a guest offset have no place.
  package func dropBlock(at offset: UInt64, of node: Node) throws(BlockError) {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      try set(.hole, of: offset / layout.blockSize, held)
      try writeOut(held)
    }
  }

  private func look(
    _ held: borrowing Held, _ context: JobContext, _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    var result = CheckResult()
    let fileLength = areaEnd(try held.node.child(in: .file), held)
    result.totalClusters = layout.blockCount
    context.expect(layout.blockCount)
    var window = UnitWindow(of: layout.unitsInFile(fileLength))
    var leaks = LeakedPlaces(layout)
    var isFirst = true
    var expected: (block: UInt64, place: UInt64)?
    var endOfUse = layout.endOfReserved
    repeat {
      let hasWindow = window.advance()
      for range in layout.reserved { _ = window.insert(layout.units(of: range)) }
      try scan(held) { (item, value) throws(BlockError) in
        if item.number % 4096 == 0 { try context.checkInterrupted() }
        guard let entry = self.checked(value, of: item, held) else {
          if isFirst { try self.note(.nowhere, item, value, &result, report) }
          return
        }
        if isFirst { self.count(item, entry, &expected, &result, held) }
        guard let bytes = self.place(of: item, entry, held) else { return }
        if isFirst { leaks.note(item, at: self.layout.units(of: bytes).lowerBound) }
        let mayEndEarly = self.layout.mayEndEarly && entry.place != nil
        let end = mayEndEarly ? bytes.lowerBound : bytes.upperBound
        if isFirst, end <= fileLength { endOfUse = max(endOfUse, self.layout.units(of: bytes).upperBound) }
        if end > fileLength {
          if isFirst { try self.note(.pastEnd, item, value, &result, report) }
        } else if !window.insert(self.layout.units(of: bytes)), entry.place != nil {
          // Compressed blocks stand right behind each other.
          try self.note(.shared, item, value, &result, report)
        }
      }
      isFirst = false
      guard hasWindow else { break }
      for range in layout.spare { _ = window.insert(layout.units(of: range)) }
      let file = try held.node.child(in: .file)
      window.forEachAbsentRun { run in
        self.addStored(run, endOfUse: endOfUse, file, held) { leaks.add($0) }
        return true
      }
    } while window.hasMore
    result.leaks = leaks.count
    context.advance(layout.blockCount)
    result.imageEndOffset = fileLength + trailerBytes
    return result
  }

  /// Counts a block that is stored.
  private func count(
    _ item: BlockTableItem, _ entry: BlockEntry, _ expected: inout (block: UInt64, place: UInt64)?,
    _ result: inout CheckResult, _ held: borrowing Held
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
    try scan(held) { (item, value) throws(BlockError) in
      let entry = try self.entry(value, of: item, held)
      guard let units = self.units(of: item, entry, held) else { return }
      endOfUse = max(endOfUse, units.upperBound)
      all.note(item, at: units.lowerBound)
    }
    var stored = all
    let file = try held.node.child(in: .file)
    var window = UnitWindow(of: layout.unitsInFile(areaEnd(file, held)))
    while window.advance() {
      try insertUsed(into: &window, held)
      window.forEachAbsentRun { run in
        all.add(run)
        self.addStored(run, endOfUse: endOfUse, file, held) { stored.add($0) }
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

  /// Whole units that the file has room for.
  package func unitsInFile(of node: Node) throws(BlockError) -> UInt64 {
    try withHeld(node) { (held: borrowing Held) throws(BlockError) in
      layout.unitsInFile(areaEnd(try held.node.child(in: .file), held))
    }
  }

  /// Mends findings, and takes those out that have to wait for others; whether the file became longer.
  ///
  /// - Parameter fileEnd: where the file ended before the repair: what begins before that has lost its last bytes alone.
  private func mend(_ broken: inout [BlockFinding], fileEnd: UInt64, _ held: borrowing Held)
    throws(BlockError) -> Bool
  {
    var end: UInt64 = 0
    var isAnyOutside = false
    for finding in broken where finding.kind != .shared {
      isAnyOutside = true
      if finding.kind == .pastEnd,
        let bytes = place(of: finding.item, try entry(finding.value, of: finding.item, held), held),
        bytes.lowerBound < fileEnd
      {
        end = max(end, bytes.upperBound)
      } else {
        try mend(finding, held)
      }
    }
    // Copies get places by what is in use, and no file could be as long as what was nowhere.
    let isKnown = broken.count < BlockTable.rememberedPlaces
    if isAnyOutside, !isKnown { broken.removeAll { $0.kind == .shared } }
    space.begin(at: nil)
    if isKnown, layout.directory == nil, broken.contains(where: { $0.kind == .shared }) {
      // What shares its place with others often leaves its own to nobody.
      space.offer(try unusedPlaces(before: try knownEnd(held), held).reversed())
    }
    for finding in broken where finding.kind == .shared { try mend(finding, held) }
    return try lengthenFile(to: end, held)
  }

  private func mend(_ finding: BlockFinding, _ held: borrowing Held) throws(BlockError) {
    var blank = BlockEntry.hole
    if case .block = finding.item, coding.value(of: .zero) != nil { blank = .zero }
    switch finding.kind {
    case .nowhere, .pastEnd: try set(blank, of: finding.item, held)
    case .shared:
      try move(finding.item, try entry(finding.value, of: finding.item, held), held)
    }
  }
}
