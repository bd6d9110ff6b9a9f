// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// An open VHD with a block allocation table: a dynamic disk, or a differencing one over its parent.
final class VpcDriver: BlockTableDriver, IdentifiedDriver, @unchecked Sendable {
  let name = "vpc"
  let table: BlockTable
  let footers: VpcFooterStore
  let headers: VpcHeaderStore
  private let lock = ConditionLock()
  /// What was wrong with footers and header when the image was opened. Guarded by `lock`.
  private var defects: [String]
  /// Stands once the image is fit to be changed.
  private let mark = ChangeMark()

  init(_ opened: VpcOpened, _ footers: VpcFooterStore, tailLength: UInt64) {
    self.footers = footers
    headers = VpcHeaderStore(opened.header, backing: opened.backing)
    defects = opened.defects
    table = BlockTable(
      opened.layout,
      VpcCoding(lead: opened.layout.lead, isDifferencing: opened.kind == .differencing), trailer: footers,
      trailerBytes: tailLength)
  }

  var isDifferencing: Bool { footers.current.kind == .differencing }

  var identity: ImageIdentity {
    let footer = footers.current
    return ImageIdentity(format: name, id: footer.id.bytes, time: footer.time)
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.isDirty = false
    information.backing = headers.backing
    return information
  }

  // MARK: Reading

  /// What a file that was cut off lacks is told, not taken for zeros.
  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    var extent = try table.extent(at: offset, length: length, of: node)
    if extent.kind == .unallocated, !isDifferencing { extent.kind = .zero }
    guard extent.kind == .data, let location = extent.location, let file = node.file else { return extent }
    guard location.offset < file.length else {
      throw BlockError(
        .corrupt,
        "block \(offset / table.blockSize) (offset \(location.offset)) lies past the end of the file",
        advice: "'convert --salvage' goes on without it.")
    }
    extent.length = min(extent.length, file.length - location.offset)
    return extent
  }

  // MARK: Changes

  /// Lets both footers be whole, and say the same. An image whose last blocks are cut off is not changed.
  func beginChanges(_ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try mark.set { () throws(BlockError) in
      try table.ensureTrailer(node)
      try footers.even(in: file)
    }
  }

  /// In a differencing disk zeros are stored: no entry says that a block is zero.
  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError) -> Bool
  {
    guard !isDifferencing else { return false }
    try beginChanges(node)
    return try table.clear(offset..<offset + length, keepingSpace: !mayUnmap, of: node)
  }

  /// In a differencing disk nothing can be given back.
  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap), !isDifferencing else { return }
    try beginChanges(node)
    _ = try table.clear(offset..<offset + length, keepingSpace: false, of: node)
  }

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(.metadata)
    }
    guard let length = length.roundedUp(to: 512), length <= VpcFooter.largestDisk else {
      throw VpcFormat.tooLarge
    }
    try beginChanges(node)
    let blocks = length.dividedUp(by: table.blockSize)
    if blocks > table.currentLayout.capacity { try makeRoom(for: blocks, node) }
    if blocks > UInt64(headers.current.entryCount) {
      try changeHeader(node) { $0.entryCount = UInt32(clamping: blocks) }
    }
    let isShorter = length < table.length
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      guard let file = node.file else { return }
      try self.footers.change(in: file, isShorter: isShorter) { $0.setLength(next.length) }
    }
    try flush(node)
    if isShorter { try dropEntries(node) }
  }

  /// Lets the table have no entries but those of the disk's blocks: some readers look at all, or refuse more. What the table
  /// needs no more is room for blocks.
  private func dropEntries(_ node: Node) throws(BlockError) {
    let count = UInt64(headers.current.entryCount)
    let blocks = table.currentLayout.blockCount
    guard let file = node.file, count > blocks else { return }
    try table.clearBehindEnd(upTo: count, of: node)
    try changeHeader(node) { $0.entryCount = UInt32(clamping: blocks) }
    try adoptLayout(node, file)
    try table.compact(of: node)
  }

  /// Moves the table behind the place where it is, and the blocks that are there to other places.
  private func makeRoom(for blocks: UInt64, _ node: Node) throws(BlockError) {
    var next = table.currentLayout
    let old = next.tableOffset..<headers.current.tableEnd
    let kept = next.reserved.filter { $0 != old }.sorted { $0.lowerBound < $1.lowerBound }
    next.tableOffset = old.upperBound
    next.capacity = (blocks * 4).dividedUp(by: 512) * 128
    for range in kept where range.overlaps(next.tableOffset..<next.tableOffset + next.capacity * 4) {
      next.tableOffset = range.upperBound.dividedUp(by: 512) * 512
    }
    let end = next.tableOffset + next.capacity * 4
    next.reserved = kept + [next.tableOffset..<end]
    try table.moveTable(toFirst: end / 512, next, coding, of: node) { (next) throws(BlockError) in
      try self.changeHeader(node) {
        $0.tableOffset = next.tableOffset
        $0.entryCount = UInt32(clamping: blocks)
      }
    }
  }

  private var coding: VpcCoding {
    VpcCoding(lead: headers.current.bitmapBytes, isDifferencing: isDifferencing)
  }

  /// Changes the first sector of the header with one write; durable.
  func changeHeader(_ node: Node, _ edit: (inout VpcHeader) -> Void) throws(BlockError) {
    guard let file = node.file else { return }
    try headers.change(at: footers.current.dataOffset, in: file, edit)
  }
}

// MARK: Check

extension VpcDriver {
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError)
    -> CheckResult
  {
    var result = try table.check(of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    let found = lock.withLock { defects }
    for defect in found { report("ERROR: \(defect)") }
    result.corruptions += UInt64(found.count)
    if footers.isUneven {
      report(VpcDriver.uneven)
      result.leaks += 1
    }
    return result
  }

  private static let uneven =
    "Leaked footer: the one at the end of the file has yet to follow its copy at the start"

  /// Mends footers and header first: what the table's repair moves is found by them.
  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    let found = lock.withLock { defects }
    for defect in found { report("ERROR: \(defect)") }
    let isUneven = footers.isUneven
    if isUneven, let file = node.file {
      report(VpcDriver.uneven)
      try footers.even(in: file)
    }
    if what == .all, !found.isEmpty, let file = node.file {
      try table.ensureTrailer(node, isWhole: false)
      let (offset, length) = (footers.current.dataOffset, file.length)
      // Names that cannot be read are given up: the others go on.
      try changeHeader(node) { (header) in
        let usable = header.locators.filter {
          $0.rank == .max || header.place(of: $0, headerOffset: offset, inFileOf: length) != nil
        }
        if usable.count < header.locators.count { header.setLocators(usable) }
      }
      try footers.change(in: file) { _ in }
      lock.withLock { defects = [] }
    }
    // Some readers look at all entries.
    try table.clearBehindEnd(upTo: UInt64(headers.current.entryCount), of: node)
    var result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    if isUneven { result.leaksFixed += 1 }
    if what == .all {
      result.corruptionsFixed += UInt64(found.count)
      // A disk that became shorter may not have got further than its new length.
      if result.corruptions == 0 { try dropEntries(node) }
    } else {
      result.corruptions += UInt64(found.count)
    }
    try flush(node)
    return result
  }
}
