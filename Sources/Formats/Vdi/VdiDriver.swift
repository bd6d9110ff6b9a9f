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
  private let header: StoredHeader<VdiHeader>
  private let lock = ConditionLock()
  /// Guarded by `lock`.
  private var isChanged = false

  init(_ header: VdiHeader, _ layout: BlockTableLayout) {
    self.header = StoredHeader(header)
    table = BlockTable(layout, header.coding, count: VdiCount(header: self.header))
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

  /// Who changes the content gives it another identity. The count may have become less.
  func writeCounters(_ usedUnits: UInt64?, of node: Node) throws(BlockError) {
    let isChanged = lock.withLock { self.isChanged }
    let count = usedUnits.map { UInt32(clamping: $0) } ?? header.current.allocatedCount
    guard let file = node.file, isChanged || count != header.current.allocatedCount else { return }
    try header.change(in: file, isDurable: false) { header in
      header.allocatedCount = count
      if isChanged { header.modificationID = .random() }
    }
    lock.withLock { self.isChanged = false }
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard length <= VdiHeader.largestDisk else { throw VdiHeader.tooLarge(length) }
    guard preallocation != .metadata else { throw BlockError.noGrowth(preallocation) }
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
      try self.writeHeader(next, places: places, node)
    }
  }

  /// Lets the header have another layout, in which so many of the first places are none any more; durable.
  private func writeHeader(_ layout: BlockTableLayout, places: UInt64 = 0, _ node: Node) throws(BlockError) {
    try header.change(node) { header in
      header.mapOffset = UInt32(clamping: layout.tableOffset)
      header.dataOffset = UInt32(clamping: layout.areaOffset)
      header.diskSize = layout.length
      header.blockCount = UInt32(clamping: layout.blockCount)
      header.allocatedCount -= min(header.allocatedCount, UInt32(clamping: places))
    }
  }

  /// The header states how many blocks are stored; after a repair, the count by which others place the next one. A crash
  /// leaves it greater than that, by places that the file has: only one that is less, or past the end of the file, misleads.
  func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError) {
    let used = repair == nil ? result.allocatedClusters : try table.usedUnits(of: node)
    let stated = UInt64(header.current.allocatedCount)
    if stated > used, stated <= (try table.unitsInFile(of: node)) {
      report("Leaked blocks: the header counts \(stated), \(used) are in use")
      result.leaks = max(result.leaks, stated - used)
    } else if stated != used {
      report("ERROR: allocated blocks mismatch, is \(used), should be \(stated)")
      // Whatever is mended, closing the image writes what is in use.
      if repair != nil, let file = node.file {
        result.corruptionsFixed += 1
        try header.change(in: file, isDurable: false) { $0.allocatedCount = UInt32(clamping: used) }
      } else {
        result.corruptions += 1
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
