// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// An open Parallels image: a header beside a block table.
///
/// The header says "in use" from before the first change until the image is closed.
final class ParallelsDriver: MarkingDriver, @unchecked Sendable {
  let name = "parallels"
  let table: BlockTable
  let header: StoredHeader<ParallelsHeader>
  let mark = ChangeMark()
  /// What the header says of its last user when the image is closed. Guarded by `mark`.
  private var useAfter: UInt32
  /// The format extension, where it was read and makes sense. Guarded by `mark`.
  private var features: ParallelsExtension?
  /// The defect of the format extension.
  let extensionDefect: BlockError?

  init(
    _ header: ParallelsHeader, _ layout: BlockTableLayout, _ features: ParallelsExtension?,
    _ extensionDefect: BlockError?
  ) {
    self.header = StoredHeader(header)
    self.features = features
    self.extensionDefect = extensionDefect
    let isNew = header.use == ParallelsHeader.Use.closed
    let wasOpen = header.use == ParallelsHeader.Use.open
    useAfter =
      isNew || wasOpen && features != nil ? ParallelsHeader.Use.closed : ParallelsHeader.Use.closedByOld
    table = BlockTable(layout, header.coding)
  }

  /// Nothing: `qemu-img` tells neither the size of clusters nor the mark.
  func formatInformation(of node: Node) -> FormatInformation? {
    var information = FormatInformation()
    information.isDirty = nil
    return information
  }

  // MARK: A disk longer than its map

  /// As the header has it, which may be more than the map has entries for: that reads as zeros.
  func length(of node: Node) -> UInt64 { max(header.current.size, table.length) }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let mapped = table.length
    guard offset < mapped else { return Extent(.unallocated, length: length) }
    return try table.extent(at: offset, length: min(length, mapped - offset), of: node)
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    let mapped = table.length
    guard offset < mapped else {
      throw BlockError(
        .corrupt, "the block map has no entry for offset \(offset)",
        advice: "'resize' to the same length gives it one for each cluster.")
    }
    try beginChanges(node)
    return try table.prepareWrite(at: offset, length: min(length, mapped - offset), of: node)
  }

  func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node) throws(BlockError)
    -> Bool
  {
    let end = min(offset + length, table.length)
    guard offset < end else { return true }
    try beginChanges(node)
    return try table.clear(offset..<end, keepingSpace: !mayUnmap, of: node)
  }

  func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    let end = min(offset + length, table.length)
    guard node.flags.contains(.unmap), offset < end else { return }
    try beginChanges(node)
    _ = try table.clear(offset..<end, keepingSpace: false, of: node)
  }

  // MARK: The mark

  /// Lets the header say that the image is in use, and drops what only programs keep that know it.
  func beginChanges(_ node: Node) throws(BlockError) {
    try mark.set { () throws(BlockError) in
      if !node.flags.contains(.checking) { try requirePlaces(node) }
      var isDropped = false
      var kept = features
      if let features, !features.isKept { isDropped = kept?.dropFeatures() == false }
      try header.change(node) {
        $0.use = ParallelsHeader.Use.open
        $0.flags &= ~1
        if isDropped { $0.extensionOffset = 0 }
      }
      if let kept, !isDropped, kept.features != features?.features, let file = node.file {
        try kept.write(to: file)
        try file.flush()
      }
      if isDropped, let features { try table.release(features.places, of: node) }
      features = kept
    }
  }

  /// Clusters far behind the end of the file would have the next one follow them.
  private func requirePlaces(_ node: Node) throws(BlockError) {
    guard let file = node.file, let used = try table.placesInUse(of: node) else { return }
    let blockSize = table.blockSize
    guard used.upperBound <= file.length || used.upperBound - file.length <= blockSize else {
      throw BlockError(
        .corrupt, "the block map leads past the end of the file (offset \(used.upperBound - blockSize))",
        advice: "'check' tells what else is wrong, 'check -r all' mends what can be mended.")
    }
  }

  func takeMarkOff(_ node: Node) throws(BlockError) { try header.change(node) { $0.use = self.useAfter } }

  /// Whether the last program that had the image open for writing never closed it.
  var isUnclosed: Bool {
    header.current.use == ParallelsHeader.Use.open && !mark.stands
  }

  /// Whether the format extension may have something in the file that is not known here.
  var hasUnknownPlaces: Bool {
    extensionDefect?.kind == .unsupported || mark.withLock { features?.forbidding != nil }
  }

  /// Takes the mark off after a repair, unless nothing of what it stands for was mended.
  func endRepair(_ node: Node, keepsMark: Bool) throws(BlockError) {
    if keepsMark { mark.withLock { useAfter = ParallelsHeader.Use.open } }
    try endChanges(node)
  }

  func prepareReopen(_ flags: NodeFlags, options: OptionObject, of node: Node) throws(BlockError) {
    try options.refuseRest(of: name)
    if flags.contains(.writable) {
      try ParallelsFormat.requireWritable(
        header.current, mark.withLock { features }, extensionDefect, flags)
    }
    try endChanges(node)
  }

  // MARK: Length

  func truncate(to length: UInt64, exact: Bool, preallocation: Preallocation, of node: Node)
    throws(BlockError)
  {
    guard preallocation != .metadata else {
      throw BlockError.noGrowth(preallocation)
    }
    let header = self.header.current
    let blocks = length.dividedUp(by: header.clusterSize)
    guard length % 512 == 0 else { throw BlockError.noWholeSectors }
    guard header.kind == .extended || length / 512 <= ParallelsHeader.largestOldDisk,
      Int64(exactly: length) != nil, blocks <= UInt64(ParallelsHeader.largestEntries)
    else {
      throw BlockError(.tooLarge, "Image size is too large for this cluster size")
    }
    try beginChanges(node)
    if blocks > table.currentLayout.capacity { try makeRoom(for: blocks, node) }
    try table.resize(to: length, preallocation: preallocation, of: node) { (next) throws(BlockError) in
      try self.header.change(node) { $0.setSize(next.length) }
    }
  }

  /// Gives the map the room of the first clusters, which get other places.
  private func makeRoom(for blocks: UInt64, _ node: Node) throws(BlockError) {
    let header = self.header.current
    var next = table.currentLayout
    let mapEnd = UInt64(ParallelsHeader.length) + blocks * 4
    let start = header.firstData(mapEnd: mapEnd)
    guard next.reserved.dropFirst().allSatisfy({ $0.lowerBound >= start }) else {
      throw BlockError(.unsupported, "the format extension stands where the block map has to grow")
    }
    next.reserved[0] = 0..<mapEnd
    next.spare = [mapEnd..<start]
    next.capacity = min((start - UInt64(ParallelsHeader.length)) / 4, UInt64(ParallelsHeader.largestEntries))
    try table.moveTable(toFirst: start / next.unit, next, header.coding, of: node) {
      (next) throws(BlockError) in
      try self.header.change(node) { $0.dataOffset = UInt32(clamping: start / 512) }
    }
  }
}
