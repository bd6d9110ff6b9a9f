// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// A format whose guest data is found through one block table: all that reading needs.
package protocol BlockTableReader: CheckingDriver {
  /// The table.
  var table: BlockTable { get }

  /// The line that a check prints for a finding.
  func text(of finding: BlockFinding) -> String
}

/// A format whose guest data is found through one block table.
///
/// A driver adds its header, which `beginChanges` and `writeCounters` bring up to date, and what is peculiar to it.
package protocol BlockTableDriver: BlockTableReader {
  /// Prepares the image for a change: writes, durably, what a header says of an image that is being changed. Precedes
  /// every change of the disk's content, from any thread; all but the first of a session should cost nothing.
  func beginChanges(_ node: Node) throws(BlockError)

  /// Writes the header's counters where they changed. The blocks and tables that they count are in the file already.
  ///
  /// - Parameter usedUnits: how many units there are up to the last one in use, or nil where none was taken.
  func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError)

  /// Holds what the header counts against the table, which has just been looked at or, with `repair`, mended; counts
  /// what is wrong in `result`, and mends that, too, with a repair of everything.
  func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError)
}

extension BlockTableReader {
  /// The disk's length in bytes.
  package func length(of node: Node) -> UInt64 { table.length }

  /// Space is given in blocks; where these have bitmaps, only whole sectors are written.
  package func limits(of node: Node) -> Limits {
    var limits = Limits()
    let layout = table.currentLayout
    limits.clusterSize = layout.blockSize
    if let bitmap = layout.bitmap { limits.requestAlignment = bitmap.sectorSize }
    // A page rather than a sector: what changes in one place mostly changes beside it.
    if layout.storesInPart { limits.partSize = 4096 }
    return limits
  }

  /// The extent that the table has at an offset.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    try table.extent(at: offset, length: length, of: node)
  }

  /// Compares the entries with each other and with the file.
  package func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> CheckResult
  {
    try table.check(of: node, context) { (finding) throws(BlockError) in report(self.text(of: finding)) }
  }

  /// Names entry and value.
  package func text(of finding: BlockFinding) -> String {
    let item =
      if case .block(let number) = finding.item { "block \(number)" } else { "\(finding.item)" }
    return switch finding.kind {
    case .nowhere: "ERROR: \(item) has no place (0x\(String(finding.value, radix: 16)))"
    case .pastEnd: "ERROR: \(item) lies past the end of the file (\(finding.value))"
    case .shared: "ERROR: \(item) is where another is (\(finding.value))"
    }
  }
}

extension BlockTableDriver {
  /// A change needs no mark in the header.
  package func beginChanges(_ node: Node) throws(BlockError) {}

  /// The blocks' places, or new ones.
  package func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot
  {
    try beginChanges(node)
    return try table.prepareWrite(at: offset, length: length, of: node)
  }

  /// Enters new blocks.
  package func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {
    try table.finishWrite(slot, written: written, of: node)
  }

  /// As `qemu-img` has it for most formats, a block with a place is data.
  package func mayHaveHoles(of node: Node) -> Bool { false }

  /// Whole blocks become holes or zeros.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    try beginChanges(node)
    return try table.clear(offset..<offset + length, keepingSpace: !mayUnmap, of: node)
  }

  /// Whole blocks become holes or zeros.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap) else { return }
    try beginChanges(node)
    _ = try table.clear(offset..<offset + length, keepingSpace: false, of: node)
  }

  /// Data, then the table, then what the header counts.
  package func flush(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable) else { return }
    try table.flush(node) { (used) throws(BlockError) in try self.writeCounters(used, of: node) }
  }

  /// Writes what is held back.
  package func close(_ node: Node) throws(BlockError) { try flushLast(node) { () throws(BlockError) in } }

  /// Writes what is held back by an image that is about to be closed, then calls `body`, which lets its header say so.
  ///
  /// Where the disk is full, entries that find no room are given up, so that the image is as sound as it was before them;
  /// the error is thrown all the same.
  package func flushLast(_ node: Node, _ body: () throws(BlockError) -> Void) throws(BlockError) {
    do throws(BlockError) {
      try flush(node)
    } catch {
      guard error.kind == .noSpace, node.flags.contains(.writable) else { throw error }
      // What went wrong first is what is told.
      do throws(BlockError) {
        try table.giveUpUnwritten(node)
        try flush(node)
        try body()
      } catch {}
      throw error
    }
    try body()
  }

  /// The header counts nothing.
  package func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError) {}

  /// The header counts nothing.
  package func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError) {}

  /// Compares the entries with each other and with the file, and then with what the header counts.
  package func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> CheckResult
  {
    var result = try table.check(of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    try checkCounters(&result, repair: nil, of: node, report: report)
    return result
  }

  /// Mends the entries, then what the header counts.
  package func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    var result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    try checkCounters(&result, repair: what, of: node, report: report)
    try flush(node)
    return result
  }
}
