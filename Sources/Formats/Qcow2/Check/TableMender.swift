// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Takes out of L1 and L2 tables what contradicts the specification.
///
/// Every change is one that leaves at least as much to be read as before, whatever else is changed or not: entries
/// that lead nowhere go, bits that must not be are cleared. Space that is lost by that is counted later.
struct TableMender {
  private let check: ImageCheck
  private let file: Edge
  private let geometry: Geometry
  private let version: UInt32
  /// Whether each L2 table that was looked at, by host offset, is one after all; a table that several entries point to
  /// is looked at once.
  private var isTable: [UInt64: Bool] = [:]
  /// The offset of the next copy: behind everything that anything refers to.
  private var end: UInt64
  /// Entries that have taken a reference for themselves, by host cluster.
  private var taken: [UInt64: UInt64] = [:]
  /// The offset of an empty active L1 table for the header to point to; nil unless the present one lies past the end of
  /// the file.
  private(set) var newL1: UInt64?

  /// `check` has walked all tables.
  init(_ check: ImageCheck) {
    self.check = check
    file = check.image.file
    geometry = check.image.geometry
    version = check.image.header.version
    end = check.references.clusters << check.image.geometry.clusterBits
  }

  /// Mends the active tables and those of the snapshots that stay.
  mutating func run(_ snapshots: SnapshotTableContent) throws(BlockError) {
    try completeL1()
    try mendL1(at: check.image.header.l1Offset, size: check.image.header.l1Size)
    for entry in snapshots.entries where check.snapshots.isWhole(entry) {
      try mendL1(at: entry.l1Offset, size: entry.l1Size)
    }
  }

  // MARK: L1 tables

  /// Makes the file as long as the active L1 table needs it. The missing part reads as zeros: there is no table.
  private mutating func completeL1() throws(BlockError) {
    let bytes = UInt64(check.image.header.l1Size) * 8
    guard !check.image.isInside(check.image.header.l1Offset, bytes) else { return }
    if check.image.header.l1Offset >= check.image.fileLength { newL1 = end }
    let start = newL1 ?? check.image.header.l1Offset
    guard let tableEnd = (start + bytes).roundedUp(to: geometry.clusterSize) else { return }
    end = max(end, tableEnd)
    try file.truncate(to: end)
  }

  private mutating func mendL1(at offset: UInt64, size: UInt32) throws(BlockError) {
    guard offset < check.image.fileLength, check.image.isInside(offset, UInt64(size) * 8) else { return }
    var position: UInt64 = 0
    let bytes = UInt64(size) * 8
    while position < bytes {
      try check.image.context.checkInterrupted()
      let count = Int(min(bytes - position, TableWalk.readBytes))
      // A part that cannot be read cannot be mended; the check has told of it.
      guard let buffer = try? file.read(at: offset + position, count: count) else { return }
      guard !buffer.bytes.isZero else {
        position += UInt64(count)
        continue
      }
      for index in 0..<count / 8 {
        let entry = L1Entry(rawValue: buffer.bytes.big64(at: index * 8))
        guard entry.rawValue != 0 else { continue }
        let mended = try mended(entry)
        if mended != entry { try write(mended.rawValue, at: offset + position + UInt64(index * 8)) }
      }
      position += UInt64(count)
    }
  }

  private mutating func mended(_ entry: L1Entry) throws(BlockError) -> L1Entry {
    let cleared = L1Entry(rawValue: entry.rawValue & (L1Entry.offsetMask | L2Entry.copiedBit))
    let offset = entry.offset
    guard offset != 0, geometry.offsetInCluster(offset) == 0,
      check.image.isInside(offset, geometry.clusterSize),
      !check.image.isRoot(offset >> geometry.clusterBits)
    else { return L1Entry(rawValue: 0) }
    guard offset < check.image.fileLength else { return cleared }
    if isTable[offset] == nil { isTable[offset] = try mendL2(at: offset) }
    guard isTable[offset] == true else { return L1Entry(rawValue: 0) }
    guard let copy = try unshared(offset, geometry.clusterSize) else { return cleared }
    return L1Entry(table: copy)
  }

  // MARK: L2 tables

  /// Mends a table; false where it is none, but something else that an L1 entry points to by mistake.
  private mutating func mendL2(at offset: UInt64) throws(BlockError) -> Bool {
    guard let buffer = try? file.read(at: offset, count: Int(geometry.clusterSize)) else { return true }
    var bytes = buffer.mutableBytes
    let size = geometry.l2EntryBytes
    var changed: Range<Int>?
    var used = 0
    var absurd = 0
    var wrong = 0
    for index in 0..<Int(geometry.l2Entries) {
      let entry = L2Entry(rawValue: bytes.bytes.big64(at: index * size))
      let bitmap = SubclusterBitmap(
        rawValue: size == 16 ? bytes.bytes.big64(at: index * size + 8) : 0)
      guard entry.rawValue != 0 || bitmap.rawValue != 0 else { continue }
      used += 1
      if check.overlaps.isAbsurd(entry) { absurd += 1 }
      var pair = EntryPair(entry: entry, bitmap: bitmap)
      try mend(&pair)
      guard pair.entry != entry || pair.bitmap != bitmap else { continue }
      wrong += 1
      bytes.storeBig(pair.entry.rawValue, at: index * size)
      if size == 16 { bytes.storeBig(pair.bitmap.rawValue, at: index * size + 8) }
      changed = (changed?.lowerBound ?? index * size)..<(index + 1) * size
    }
    guard let changed else { return true }
    // Most of it makes no sense as a table: better that it stays as it is, whatever it may be. What something else has
    // is a table only where most of it is right.
    if absurd * 2 > used, used >= OverlapCheck.manyEntries { return false }
    if wrong * 2 > used, check.overlaps.isUsedOtherwise(offset) { return false }
    try write(buffer, changed, at: offset)
    return true
  }

  private struct EntryPair {
    var entry: L2Entry
    var bitmap: SubclusterBitmap
  }

  private mutating func mend(_ pair: inout EntryPair) throws(BlockError) {
    if pair.entry.isCompressed { return try mendCompressed(&pair) }
    pair.entry.rawValue &= ~check.image.reservedL2
    let offset = pair.entry.offset
    if check.image.hasDataFile ? geometry.offsetInCluster(offset) != 0 : !isPlaceable(offset) {
      return lose(&pair)
    }
    if geometry.hasExtendedL2 {
      let hasPlace = offset != 0 || (check.image.hasDataFile && pair.entry.isCopied)
      guard hasPlace else {
        // Data without a place reads as zeros.
        pair.bitmap = SubclusterBitmap(allocated: 0, zero: pair.bitmap.zero | pair.bitmap.allocated)
        return
      }
      pair.bitmap.zero &= ~pair.bitmap.allocated
    }
    guard offset != 0, !check.image.hasDataFile, let copy = try unshared(offset, geometry.clusterSize) else {
      return
    }
    pair.entry.rawValue =
      pair.entry.rawValue & ~(L1Entry.offsetMask) | L2Entry.copiedBit | copy
  }

  private func isPlaceable(_ offset: UInt64) -> Bool {
    geometry.offsetInCluster(offset) == 0
      && (offset == 0 || check.image.isInside(offset, geometry.clusterSize))
  }

  private mutating func mendCompressed(_ pair: inout EntryPair) throws(BlockError) {
    guard !check.image.hasDataFile else { return lose(&pair) }
    pair.bitmap.rawValue = 0
    pair.entry.rawValue &= ~L2Entry.copiedBit
    var descriptor = CompressedDescriptor(pair.entry, geometry)
    guard descriptor.offset < check.image.fileLength else { return lose(&pair) }
    if !check.image.isInside(descriptor.offset, descriptor.size) {
      // The compressed bytes may well end before the sectors do that the entry counts.
      descriptor.additionalSectors =
        (check.image.fileLength - 1) / CompressedDescriptor.sector - descriptor.offset
        / CompressedDescriptor.sector
    }
    if let copy = try unshared(descriptor.offset, descriptor.size) { descriptor.offset = copy }
    if let entry = descriptor.entry(geometry) { pair.entry = entry } else { lose(&pair) }
  }

  /// Data that is in no place that there is: zeros, where the version can say so.
  private func lose(_ pair: inout EntryPair) {
    if geometry.hasExtendedL2 {
      pair.bitmap = SubclusterBitmap(
        allocated: 0, zero: pair.entry.isCompressed ? .max : pair.bitmap.zero | pair.bitmap.allocated)
      pair.entry = .unallocated
    } else {
      pair.entry = version >= 3 ? .zero : .unallocated
    }
  }

  // MARK: Clusters with more references than a refcount holds

  /// Copies a range of the file for one more reference to its clusters, if a refcount cannot hold that. Returns the
  /// copy's offset, which has the same place in a sector; nil where nothing was copied.
  private mutating func unshared(_ offset: UInt64, _ bytes: UInt64) throws(BlockError) -> UInt64? {
    let clusters = offset >> geometry.clusterBits...(offset + bytes - 1) >> geometry.clusterBits
    guard clusters.contains(where: hasTooMany) else { return nil }
    let inSector = offset % CompressedDescriptor.sector
    let place = end
    guard let next = place.plus(inSector + bytes)?.roundedUp(to: geometry.clusterSize),
      next <= Qcow2Limits.hostOffset
    else { return nil }
    // Without the content there is nothing to copy; the reference stays.
    guard let content = try? file.read(at: offset, count: Int(bytes)) else { return nil }
    try file.write(at: place + inSector, from: content.bytes)
    try file.flush()
    end = next
    for cluster in clusters where hasTooMany(cluster) { taken[cluster, default: 0] += 1 }
    return place + inSector
  }

  /// Whether a cluster has more references than its refcount holds, without those that were taken away.
  private func hasTooMany(_ cluster: UInt64) -> Bool {
    let references = check.references[cluster]
    guard references > geometry.refcountMaximum else { return false }
    return references - taken[cluster, default: 0] > geometry.refcountMaximum
  }

  // MARK: Writing

  private func write(_ entry: UInt64, at offset: UInt64) throws(BlockError) {
    let buffer = Buffer(count: 8)
    var bytes = buffer.mutableBytes
    bytes.storeBig(entry, at: 0)
    try file.write(at: offset, from: buffer.bytes)
  }

  private func write(_ buffer: Buffer, _ range: Range<Int>, at offset: UInt64) throws(BlockError) {
    let start = range.lowerBound / 512 * 512
    let end = min((range.upperBound + 511) / 512 * 512, buffer.count)
    try file.write(at: offset + UInt64(start), from: buffer.bytes.slice(start..<end))
  }
}
