// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// A walk over the L2 tables of an L1 table.
struct TreeWalk {
  let run: TableRun
  private let geometry: Geometry
  private let file: Edge
  private let end: Int
  private var position = 0
  /// Tables do not overlap in an image that is whole, so together they are no larger than the file.
  private var budget: UInt64

  init(_ end: Int, _ geometry: Geometry, _ file: Edge) {
    self.end = end
    self.geometry = geometry
    self.file = file
    run = TableRun(max(TableWalk.readBytes, geometry.clusterSize))
    budget = file.length.plus(geometry.clusterSize) ?? .max
  }

  /// The index of the next L1 entry that has a table, which is then in memory.
  mutating func next(in table: TableInMemory, _ header: HeaderStore, _ held: borrowing Held)
    throws(BlockError) -> Int?
  {
    position += table.emptyRun(from: position, to: end, mask: L1Entry.offsetMask)
    guard position < end else { return nil }
    let index = position
    let offset = L1Entry(rawValue: table[index]).offset
    guard geometry.offsetInCluster(offset) == 0 else {
      throw header.damage(
        "L2 table offset 0x\(hex(offset)) unaligned (L1 index: \(prefixedHex(UInt64(index))))", held)
    }
    guard budget >= geometry.clusterSize else {
      throw BlockError(.corrupt, "L2 tables overlap: together they are larger than the file")
    }
    budget -= geometry.clusterSize
    position += 1
    if !run.holds(offset, geometry.clusterSize) { try load(table, index, offset) }
    return index
  }

  private func load(_ table: TableInMemory, _ index: Int, _ offset: UInt64) throws(BlockError) {
    var wanted = geometry.clusterSize
    var next = index + 1
    while next < end, wanted < run.capacity, L1Entry(rawValue: table[next]).offset == offset + wanted {
      wanted += geometry.clusterSize
      next += 1
    }
    if let reason = run.load(offset, wanted, from: file) { throw BlockError(.inputOutput, reason) }
  }
}
