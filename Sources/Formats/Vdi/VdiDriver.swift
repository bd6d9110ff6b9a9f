// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host

/// An open VDI image: a header beside a block table.
final class VdiDriver: BlockTableDriver, @unchecked Sendable {
  let name = "vdi"
  let table: BlockTable
  private let lock = ConditionLock()
  private var header: VdiHeader
  private var isChanged = false

  init(_ header: VdiHeader, _ layout: BlockTableLayout) {
    self.header = header
    table = BlockTable(layout, header.coding)
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    return information
  }

  /// Images have no backing file: blocks without a place are zeros, as `qemu-img` has it.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = try table.extent(at: offset, length: length, of: node)
    if extent.kind == .unallocated { extent.kind = .zero }
    return extent
  }

  /// A fixed image has places for what was never written.
  func mayHaveHoles(of node: Node) -> Bool { table.currentLayout.isFixed }

  func beginChanges(_ node: Node) { lock.withLock { isChanged = true } }

  /// Other programs place the next block by the count, so that it never is less than the places in use; who changes
  /// the content gives it another identity.
  func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError) {
    guard lock.withLock({ isChanged }) else { return }
    try change(node) { header in
      if let usedUnits { header.allocatedCount = UInt32(clamping: usedUnits) }
      header.modificationID = .random()
    }
    lock.withLock { isChanged = false }
  }

  /// Changes the header with one write of its sector.
  private func change(_ node: Node, _ edit: (inout VdiHeader) -> Void) throws(BlockError) {
    guard let file = node.file else { return }
    var changed = lock.withLock { header }
    edit(&changed)
    let head = try file.read(at: 0, count: VdiHeader.length)
    var bytes = head.mutableBytes
    changed.write(to: &bytes)
    try file.write(at: 0, from: head.bytes)
    lock.withLock { header = changed }
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length <= VdiHeader.largestDisk else { throw VdiHeader.tooLarge(length) }
    let blocks = length.dividedUp(by: table.blockSize)
    if blocks > table.currentLayout.capacity { try makeRoom(for: blocks, node) }
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try self.writeHeader(next, node)
    }
    beginChanges(node)
    try flush(node)
  }

  /// Moves the map to where the first blocks are now, which get other places.
  private func makeRoom(for blocks: UInt64, _ node: Node) throws(BlockError) {
    var next = table.currentLayout
    let stride = next.lead + next.blockSize
    let places = (blocks * 4).dividedUp(by: stride)
    next.tableOffset = next.areaOffset
    next.areaOffset += places * stride
    guard let offset = UInt32(exactly: next.areaOffset) else {
      throw BlockError(.tooLarge, "the image's block map has no room to grow")
    }
    next.capacity = min(places * stride / 4, UInt64(VdiHeader.largestBlockCount))
    let coding = VdiCoding(dataOffset: UInt64(offset), lead: next.lead)
    try table.moveTable(toFirst: places, next, coding, of: node) { (next) throws(BlockError) in
      try self.writeHeader(next, node)
    }
  }

  private func writeHeader(_ layout: BlockTableLayout, _ node: Node) throws(BlockError) {
    try change(node) { header in
      header.mapOffset = UInt32(clamping: layout.tableOffset)
      header.dataOffset = UInt32(clamping: layout.areaOffset)
      header.diskSize = layout.length
      header.blockCount = UInt32(clamping: layout.blockCount)
    }
    try node.file?.flush()
  }

  /// The header states how many blocks are stored; after a repair, the count by which others place the next one.
  func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError) {
    let used = repair == nil ? result.allocatedClusters : try table.usedUnits(of: node)
    let stated = UInt64(lock.withLock { header.allocatedCount })
    if stated != used, repair != .leaks {
      report("ERROR: allocated blocks mismatch, is \(used), should be \(stated)")
      if repair == nil {
        result.corruptions += 1
      } else {
        result.corruptionsFixed += 1
        try change(node) { $0.allocatedCount = UInt32(clamping: used) }
      }
    }
    // `qemu-img` tells nothing of places and fragments here.
    result.totalClusters = 0
    result.allocatedClusters = 0
    result.fragmentedClusters = 0
    result.imageEndOffset = 0
  }

  func text(of finding: BlockFinding) -> String {
    switch finding.kind {
    case .nowhere, .pastEnd: "ERROR: block index \(finding.item.number) too large, is \(finding.value)"
    case .shared: "ERROR: block index \(finding.item.number) also used by \(finding.value)"
    }
  }
}
