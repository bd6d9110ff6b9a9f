// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Mending entries that contradict each other or the file.
struct BlockTableRepair: BlockTableWork {
  let table: BlockTable

  /// Mends the findings of a check: the file gets as long as blocks that it ends in, blocks that are nowhere read as zero,
  /// blocks that share a place get their own, and with either kind of repair places that nothing points to go back to the
  /// file system.
  func repair(
    _ what: CheckRepair, _ held: borrowing Held, _ context: JobContext,
    _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    guard what == .all else {
      return try givingBackLeaks(try BlockTableCheck(table: table).look(held, context, report), held, context)
    }
    let fileEnd = space.areaEnd(try held.node.child(in: .file), held)
    let result = try mendAll(held, context, report, { _ in true }) {
      (broken, held: borrowing Held) throws(BlockError) in
      try mend(&broken, fileEnd: fileEnd, held)
    }
    return try givingBackLeaks(result, held, context)
  }

  /// The result of a repair, after which places that nothing points to go back to the file system where nothing else is wrong.
  private func givingBackLeaks(_ result: CheckResult, _ held: borrowing Held, _ context: JobContext)
    throws(BlockError) -> CheckResult
  {
    guard result.corruptions == 0 else { return result }
    var result = result
    // Other programs may let the disk grow over what gives up its place now.
    if layout.directory != nil { try LengthChange(table: table).clearBehindEnd(upTo: layout.capacity, held) }
    result.leaksFixed = try Compaction(table: table).run(held, context)
    result.leaks -= min(result.leaks, result.leaksFixed)
    return result
  }

  /// Lets items that are nowhere, or past the end of the file, have no place; all else stays as it is and where it is.
  func dropAbsent(
    _ held: borrowing Held, _ context: JobContext, _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    try mendAll(held, context, report, { $0.kind != .shared }) {
      (absent, held: borrowing Held) throws(BlockError) in
      for finding in absent { try mend(finding, held) }
      return false
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
      result = try BlockTableCheck(table: table).look(held, context) { (finding) throws(BlockError) in
        if fixed == 0 { try report(finding) }
        if isMeant(finding), broken.count < BlockTable.rememberedPlaces { broken.append(finding) }
      }
      // Where mending one entry breaks another, it could go on for ever.
      guard result.corruptions < before else { break }
      before = result.corruptions
      // What lies behind the old end of the file may turn out to be shared.
      if try mend(&broken, held) { before = .max }
      try space.writeOut(held)
      entries.forget(held)
      fixed += UInt64(broken.count)
    } while !broken.isEmpty
    result.corruptionsFixed = fixed
    return result
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
        let bytes = entries.place(
          of: finding.item, try entries.entry(finding.value, of: finding.item, held), held),
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
    space.begin(at: nil, held)
    if isKnown, layout.directory == nil, broken.contains(where: { $0.kind == .shared }) {
      // What shares its place with others often leaves its own to nobody.
      try space.offerUnused(held)
    }
    for finding in broken where finding.kind == .shared { try mend(finding, held) }
    return try table.fileEnd.lengthen(to: end, held)
  }

  private func mend(_ finding: BlockFinding, _ held: borrowing Held) throws(BlockError) {
    var blank = BlockEntry.hole
    if case .block = finding.item, entries.coding.value(of: .zero) != nil { blank = .zero }
    switch finding.kind {
    case .nowhere, .pastEnd: try table.set(blank, of: finding.item, held)
    case .shared:
      try table.move(finding.item, try entries.entry(finding.value, of: finding.item, held), held)
    }
  }
}
