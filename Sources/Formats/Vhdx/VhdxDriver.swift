// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// An open VHDX image: header and metadata beside a block table, whose changes pass the log.
final class VhdxDriver: BlockTableDriver, @unchecked Sendable {
  let name = "vhdx"
  let table: BlockTable
  let journal: VhdxJournal
  let headers: VhdxHeaderStore
  let metadata: VhdxMetadataStore
  private let lock = ConditionLock()
  /// Guarded by `lock`, as is all that follows.
  private var regions: VhdxRegions
  /// What is wrong with the copies of the header, and of the region table.
  private var damage: (headers: [String], regions: [String])
  /// Whether the second region table is to become as the first.
  private var hasStaleTable: Bool
  /// Whether the log's changes are in memory only.
  private var hasLog: Bool
  /// Whether the log was replayed when the image was opened.
  private var wasReplayed = false

  /// - Throws: kind `corrupt` where the map has no room for the disk.
  init(_ structure: VhdxStructure, _ metadata: VhdxMetadata) throws(BlockError) {
    self.metadata = VhdxMetadataStore(metadata)
    regions = structure.regions
    damage = (structure.headers.damage, structure.regionTables.damage)
    hasLog = structure.hasLog
    hasStaleTable = structure.hasStaleTable
    headers = VhdxHeaderStore(structure.header, current: structure.current, isEven: structure.isEven)
    journal = VhdxJournal(structure.log, headers)
    table = BlockTable(
      try structure.layout(metadata), VhdxCoding(hasParent: metadata.hasParent),
      journal: journal)
  }

  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.clusterSize = table.blockSize
    information.isDirty = lock.withLock { hasLog }
    information.backing = reference
    return information
  }

  /// Whether a parent shows through.
  var hasParent: Bool { metadata.current.hasParent }
  /// The parent as the image names it.
  var reference: ImageReference? {
    let metadata = metadata.current
    return metadata.parent?.reference(sectorSize: metadata.sectorSize)
  }

  /// Blocks are large: what was not written of them may be a hole.
  func mayHaveHoles(of node: Node) -> Bool { true }

  // MARK: The header

  func beginChanges(_ node: Node) throws(BlockError) { try announce(content: true, node) }

  func announce(content: Bool, _ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    try headers.announce(content: content, in: file)
    try lock.withLock { () throws(BlockError) in
      guard hasStaleTable else { return }
      try regions.write(to: file, copy: 1)
      try file.flush()
      hasStaleTable = false
    }
  }

  /// The log has been written, and is not needed any more.
  func clearLog(_ node: Node) throws(BlockError) {
    guard let file = node.file, lock.withLock({ hasLog }) else { return }
    try headers.change(in: file) {
      $0.logID = .none
      $0.fileWriteID = .random()
    }
    lock.withLock { (hasLog, wasReplayed) = (false, true) }
  }

  /// Leaves nothing to replay, and two headers that say the same.
  private func endChanges(_ node: Node) throws(BlockError) {
    guard node.flags.contains(.writable), let file = node.file else { return }
    try flush(node)
    try journal.settle(node)
    try headers.even(in: file)
    try file.flush()
  }

  func close(_ node: Node) throws(BlockError) { try endChanges(node) }

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    try options.refuseRest(of: name)
    try endChanges(node)
  }

  func finishReopen(of node: Node) throws(BlockError) {
    if node.isWritable { try clearLog(node) }
  }

  // MARK: Metadata

  /// Changes bytes of an item, by way of the log; everything they rely on is in the file.
  private func writeItem(_ item: VhdxMetadata.Item, _ content: Buffer, _ node: Node) throws(BlockError) {
    let places = metadata.current.places
    guard let file = node.file, let place = places[item], UInt64(content.count) <= UInt64(place.count) else {
      throw BlockError(.corrupt, "the VHDX metadata has no room for '\(item.name)'")
    }
    let start = place.lowerBound.roundedDown(to: journal.unit)
    let end = (place.lowerBound + UInt64(content.count)).dividedUp(by: journal.unit) * journal.unit
    let sectors = try file.read(at: start, count: Int(end - start))
    var bytes = sectors.mutableBytes
    bytes.copy(content.bytes, at: Int(place.lowerBound - start))
    var parts: [TablePart] = []
    for offset in stride(from: 0, to: sectors.count, by: Int(journal.unit)) {
      parts.append(TablePart(at: start + UInt64(offset), sectors, offset..<offset + Int(journal.unit)))
    }
    try file.flush()
    try journal.write(parts, of: node)
    try file.flush()
  }

  // MARK: Length

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    let sectorSize = metadata.current.sectorSize
    guard length <= VhdxMetadata.largestDisk else { throw VhdxMetadata.tooLarge }
    guard length % sectorSize == 0 else {
      throw BlockError(
        .invalidArgument, "The disk's length must be a multiple of its sectors of \(sectorSize) bytes")
    }
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(preallocation)
    }
    try beginChanges(node)
    let needed = metadata.current.roomyEntries(for: length)
    if length > table.length, needed > table.currentLayout.capacity { try moveMap(for: length, node) }
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      let size = Buffer(count: 8)
      var bytes = size.mutableBytes
      bytes.storeLittle(next.length, at: 0)
      try self.writeItem(.diskSize, size, node)
      self.metadata.noteLength(next.length)
    }
  }

  /// Gives the block map another region, at the end of the file, with room for a longer disk.
  func moveMap(for length: UInt64, _ node: Node) throws(BlockError) {
    guard let file = node.file else { return }
    let mapLength = metadata.current.mapLength(for: length)
    var regions = lock.withLock { self.regions }
    guard let index = regions.regions.firstIndex(where: { $0.id == VhdxRegions.blockMap }),
      let regionLength = UInt32(exactly: mapLength)
    else { return }
    let old = regions.regions[index].range
    var next = table.currentLayout
    next.tableOffset = VhdxHeader.section * (1 + (try table.usedUnits(of: node)))
    next.capacity = mapLength / 8
    regions.regions[index].offset = next.tableOffset
    regions.regions[index].length = regionLength
    next.reserved.removeAll { $0 == old }
    next.reserved.append(next.tableOffset..<next.tableOffset + mapLength)
    let coding = VhdxCoding(hasParent: hasParent)
    try table.moveTable(toFirst: 0, next, coding, of: node) { (_) throws(BlockError) in
      try self.writeRegions(regions, file)
    }
    lock.withLock { self.regions = regions }
  }

  /// The region of the metadata.
  func metadataRegion() throws(BlockError) -> VhdxRegions.Region {
    try lock.withLock { regions }.region(VhdxRegions.metadata, "metadata")
  }

  /// Writes both region tables, one after the other.
  private func writeRegions(_ regions: VhdxRegions, _ file: Edge) throws(BlockError) {
    for copy in VhdxRegions.offsets.indices {
      try regions.write(to: file, copy: copy)
      try file.flush()
    }
  }

  // MARK: Check

  /// Headers and region tables stand there twice; a log that was replayed is a repair, as `qemu-img` has it.
  func checkCounters(
    _ result: inout CheckResult, repair: CheckRepair?, of node: Node, report: (String) -> Void
  ) throws(BlockError) {
    let (damage, wasReplayed, regions) = lock.withLock { (self.damage, self.wasReplayed, self.regions) }
    for line in damage.headers + damage.regions { report("ERROR: " + line) }
    var mended = 0
    if repair != nil {
      // Whatever is changed writes both headers.
      mended += damage.headers.count
    }
    if repair == .all, !damage.regions.isEmpty, let file = node.file {
      try writeRegions(regions, file)
      mended += damage.regions.count
    }
    result.corruptionsFixed += UInt64(mended)
    result.corruptions += UInt64(damage.headers.count + damage.regions.count - mended)
    if repair != nil { lock.withLock { self.damage = ([], repair == .all ? [] : damage.regions) } }
    if repair != nil, wasReplayed {
      result.corruptionsFixed += 1
      lock.withLock { self.wasReplayed = false }
    }
    // `qemu-img` tells nothing of places and fragments here.
    result.totalClusters = 0
    result.allocatedClusters = 0
    result.fragmentedClusters = 0
    result.imageEndOffset = 0
  }

  func repair(_ what: CheckRepair, _ node: Node, _ context: JobContext, report: (String) -> Void)
    throws(BlockError) -> CheckResult
  {
    try announce(content: false, node)
    var result = try table.repair(what, of: node, context) { (finding) throws(BlockError) in
      report(self.text(of: finding))
    }
    try checkCounters(&result, repair: what, of: node, report: report)
    try endChanges(node)
    return result
  }
}
