// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
internal import Host

/// What is wrong with one entry of a block table.
package struct BlockFinding: Sendable, Equatable {
  /// In which way.
  package enum Kind: Sendable, Equatable {
    /// It points to no place where a block can be.
    case nowhere
    /// The file ends before the block does.
    case pastEnd
    /// Another block is there.
    case shared
  }

  /// In which way.
  package let kind: Kind
  /// The block.
  package let block: UInt64
  /// The entry's value.
  package let value: UInt64
}

/// Looking for entries that contradict each other or the file, and mending them.
extension BlockTable {
  /// Looks at all entries and changes nothing.
  package func check(
    of node: Node, _ context: JobContext, report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    lock.lock()
    defer { lock.unlock() }
    return try look(node, context, report)
  }

  /// Mends what a check finds: blocks that are nowhere read as zero, those that share a space get their own, and with
  /// either kind of repair spaces that nothing points to go back to the file system.
  package func repair(
    _ what: CheckRepair, of node: Node, _ context: JobContext,
    report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    lock.lock()
    defer { lock.unlock() }
    var broken: [BlockFinding] = []
    var fixed: UInt64 = 0
    var result = CheckResult()
    repeat {
      broken = []
      result = try look(node, context) { (finding) throws(BlockError) in
        if fixed == 0 { try report(finding) }
        if broken.count < BlockTable.rememberedSpaces { broken.append(finding) }
      }
      guard what == .all else { break }
      for finding in broken { try mend(finding, node) }
      try writeOut(node)
      fixed += UInt64(broken.count)
    } while !broken.isEmpty
    result.corruptionsFixed = fixed
    if result.corruptions == 0 {
      result.leaksFixed = try compact(node, context)
      result.leaks -= min(result.leaks, result.leaksFixed)
    }
    return result
  }

  private func look(
    _ node: Node, _ context: JobContext, _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) -> CheckResult {
    var result = CheckResult()
    let fileLength = try BlockTable.file(of: node).length
    let spaces = spacesInFile(fileLength)
    result.totalClusters = layout.blockCount
    context.expect(layout.blockCount)
    var window = SpaceWindow(of: spaces)
    var isFirst = true
    var expected: UInt64?
    repeat {
      let hasWindow = window.advance()
      var used: UInt64 = 0
      try scan(node) { (block, value) throws(BlockError) in
        if block % 4096 == 0 { try context.checkInterrupted() }
        guard let entry = BlockTable.checked(value, self.layout, self.coding) else {
          if isFirst { try self.note(.nowhere, block, value, &result, report) }
          return
        }
        guard case .data(let offset) = entry, let space = self.layout.space(of: offset) else { return }
        if isFirst {
          result.allocatedClusters += 1
          if let expected, expected != offset { result.fragmentedClusters += 1 }
          expected = offset + self.layout.stride
        }
        if space >= spaces {
          if isFirst { try self.note(.pastEnd, block, value, &result, report) }
        } else if !window.insert(space) {
          try self.note(.shared, block, value, &result, report)
        } else if window.contains(space) {
          used += 1
        }
      }
      isFirst = false
      guard hasWindow else { break }
      result.leaks += window.count - used
    } while window.hasMore
    context.advance(layout.blockCount)
    result.imageEndOffset = fileLength
    return result
  }

  private func note(
    _ kind: BlockFinding.Kind, _ block: UInt64, _ value: UInt64, _ result: inout CheckResult,
    _ report: (BlockFinding) throws(BlockError) -> Void
  ) throws(BlockError) {
    result.corruptions += 1
    try report(BlockFinding(kind: kind, block: block, value: value))
  }

  /// Whole spaces that the file has room for.
  private func spacesInFile(_ length: UInt64) -> UInt64 {
    length > layout.areaOffset ? (length - layout.areaOffset) / layout.stride : 0
  }

  private func mend(_ finding: BlockFinding, _ node: Node) throws(BlockError) {
    let blank: BlockEntry = coding.value(of: .zero) != nil ? .zero : .hole
    switch finding.kind {
    case .nowhere, .pastEnd:
      try set(blank, of: finding.block, node)
    case .shared:
      guard case .data(let offset) = try entry(finding.value, of: finding.block) else { return }
      try copy(finding.block, from: offset, node)
    }
  }

  // MARK: Lost spaces

  /// Moves the last blocks into spaces that nothing points to, and cuts the file behind them; how many spaces it
  /// gave back.
  func compact(_ node: Node, _ context: JobContext? = nil) throws(BlockError) -> UInt64 {
    let file = try BlockTable.file(of: node)
    let spaces = spacesInFile(file.length)
    var used: UInt64 = 0
    try scan(node) { (block, value) throws(BlockError) in
      if try self.entry(value, of: block).isData { used += 1 }
    }
    freeSpaces = FreeSpaces(end: spaces)
    guard used < spaces else { return 0 }
    while true {
      try context?.checkInterrupted()
      var holes = try unusedSpaces(before: used, node)
      guard !holes.isEmpty else { break }
      var moving: [(block: UInt64, offset: UInt64)] = []
      try scan(node) { (block, value) throws(BlockError) in
        guard moving.count < holes.count, case .data(let offset) = try self.entry(value, of: block),
          let space = self.layout.space(of: offset), space >= used
        else { return }
        moving.append((block, offset))
      }
      guard !moving.isEmpty else { break }
      for (block, offset) in moving {
        guard let hole = holes.popLast() else { break }
        try copy(block, from: offset, to: hole, node)
      }
      try writeOut(node)
    }
    try file.truncate(to: layout.offset(ofSpace: used), exact: false, preallocation: .off)
    freeSpaces = FreeSpaces(end: used)
    return spaces - used
  }
}
