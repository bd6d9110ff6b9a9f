// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

extension SparseDriver {
  /// Looks at the tables, and into every compressed grain.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    var result = try table.check(of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    noteOpening(&result, report)
    _ = try checkGrains(&result, node, context, report)
    try checkEnd(&result, node, repair: nil, report)
    return result
  }

  /// Mends the tables. What compressed grains held that are damaged is gone.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    // What opening the extent found is mended in memory alone: nothing is written on top of that.
    if findings.contains(where: { !$0.isWritten }) { return try check(node, context, report: report) }
    var result = CheckResult()
    if header.isCompressed {
      // Tables and grains have places that tell of each other: none moves.
      let mend = what == .all ? table.dropAbsent : table.check
      result = try mend(node, context) { (finding) throws(BlockError) in report(self.text(of: finding)) }
    } else {
      result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
        report(self.text(of: finding))
      }
      if what == .all, result.corruptionsFixed > 0, header.tables > 0 { try makeAllTables(node) }
    }
    noteOpening(&result, report)
    dropFindings()
    let cut = try checkGrains(&result, node, context, report)
    if what == .all {
      for offset in cut { try table.dropBlock(at: offset, of: node) }
      result.corruptions -= UInt64(cut.count)
      result.corruptionsFixed += UInt64(cut.count)
    }
    try checkEnd(&result, node, repair: what, report)
    try flush(node)
    return result
  }

  /// Looks for bytes behind the end of a stream, which nobody reads and other programs stumble over; a repair cuts them off
  /// where nothing else is wrong.
  private func checkEnd(
    _ result: inout CheckResult, _ node: Node, repair: CheckRepair?, _ report: (String) -> Void
  ) throws(BlockError) {
    guard let end = endOfStream else { return }
    let file = try node.child(in: .file)
    let mark = end - UInt64(SparseHeader.length)
    let last = try file.read(at: mark, count: SparseHeader.length)
    let start = last.bytes.isZero ? end : mark
    let length = file.length
    guard length > start else { return }
    report("Leaked: \(length - start) bytes behind the end of the image (offset \(start))")
    result.imageEndOffset = end
    let leaks = (length - start).dividedUp(by: header.grainBytes)
    guard repair != nil, result.corruptions == 0 else { return result.leaks += leaks }
    if start == mark { try file.writeZeroes(at: mark, length: end - mark) }
    try file.truncate(to: end, exact: false)
    result.leaksFixed += leaks
  }

  private func noteOpening(_ result: inout CheckResult, _ report: (String) -> Void) {
    for finding in findings {
      report(finding.text)
      if finding.isWritten {
        result.corruptionsFixed += finding.count
      } else {
        result.corruptions += finding.count
      }
    }
  }

  /// Holds each compressed grain against its marker, and inflates it; the guest offsets of those that are none: the file ends in
  /// them, or the grains are known and none is there.
  private func checkGrains(
    _ result: inout CheckResult, _ node: Node, _ context: JobContext, _ report: (String) -> Void
  ) throws(BlockError) -> [UInt64] {
    guard header.isCompressed else { return [] }
    let file = try node.child(in: .file)
    let end = file.length
    var cut: [UInt64] = []
    let content = Buffer(count: Int(header.grainBytes))
    try table.forEachCompressed(of: node) { (offset, place) throws(BlockError) in
      // Others have been told of.
      guard place < end else { return }
      try context.checkInterrupted()
      do throws(BlockError) {
        var bytes = content.mutableBytes
        try grains.read(place, 0..<content.count, into: &bytes) { (decoder, target) throws(BlockError) in
          try self.decode(place, guest: offset, into: &target, decoder, file)
        }
      } catch {
        if error.kind == .corrupt {
          report("ERROR: the grain at offset \(offset) of the disk cannot be read: \(error.message)")
          result.corruptions += 1
          let isGone = try isCut(place, guest: offset, file)
          if try isGone ? true : isNoGrain(place, node, file) { cut.append(offset) }
        } else {
          report("ERROR: the grain at offset \(offset) of the disk: \(error.message)")
          result.checkErrors += 1
        }
      }
    }
    return cut
  }

  /// Whether it is known that no grain starts at this place, or one to which the entry of its own sector leads.
  private func isNoGrain(_ place: UInt64, _ node: Node, _ file: Edge) throws(BlockError) -> Bool {
    guard knowsAllGrains else { return false }
    let first = try file.read(at: place, count: GrainMarker.length)
    let found = header.grainMarker(first.bytes, at: place / 512, fileLength: file.length)
    guard let sector = found?.sector else { return true }
    guard case .compressed(place, _) = try table.entry(at: sector * 512, of: node) else { return false }
    return true
  }

  /// Whether the file ends before the grain at this place does.
  private func isCut(_ place: UInt64, guest offset: UInt64, _ file: Edge) throws(BlockError) -> Bool {
    let first = try file.read(at: place, count: GrainMarker.length)
    guard let marker = try? GrainMarker(parsing: first.bytes, of: offset, grain: table.blockSize) else {
      return place + UInt64(GrainMarker.length) > file.length
    }
    return place + marker.byteCount > file.length
  }
}
