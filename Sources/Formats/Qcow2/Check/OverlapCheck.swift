// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// L1 tables that are said to be where something else is. Either may be at fault, the offset of the table or what leads
/// to the other thing: what lies there tells. All references must have been counted.
struct OverlapCheck {
  private let image: CheckedImage
  private let references: FoundReferences
  private let tables: TableStates
  private let snapshots: SnapshotCheck

  init(
    _ image: CheckedImage, _ references: FoundReferences, _ tables: TableStates, _ snapshots: SnapshotCheck
  ) {
    self.image = image
    self.references = references
    self.tables = tables
    self.snapshots = snapshots
  }

  /// The entries that a disk of `length` bytes needs, where an L1 table is said to have more and the file lacks those or
  /// something else has them; else nil.
  func l1Size(_ offset: UInt64, _ size: UInt32, forLength length: UInt64) -> UInt32? {
    let needed = max(image.geometry.l1Entries(forLength: length), 1)
    let bytes = UInt64(size) * 8
    guard image.geometry.offsetInCluster(offset) == 0, needed * 8 < bytes, bytes <= Qcow2Limits.l1Bytes,
      image.isInside(offset, needed * 8)
    else { return nil }
    let kept = image.geometry.clusters(covering: needed * 8) << image.geometry.clusterBits
    guard !image.isInside(offset, bytes) || kept < bytes && references.isShared(offset + kept, bytes - kept)
    else {
      return nil
    }
    return UInt32(needed)
  }

  /// The snapshots, by index, whose L1 offsets lead onto something else: there is no table to be mended.
  func misplacedSnapshots(_ entries: [SnapshotEntry]) throws(BlockError) -> Set<Int> {
    var places: [UInt64: [Int]] = [:]
    for (index, entry) in entries.enumerated() where entry.l1Size > 0 && snapshots.isWhole(entry) {
      places[entry.l1Offset, default: []].append(index)
    }
    var misplaced: Set<Int> = []
    for (offset, indices) in places {
      var sizes = offset == image.header.l1Offset ? [image.header.l1Size] : []
      for index in indices { sizes.append(entries[index].l1Size) }
      guard let overlap = firstOverlap(offset, sizes) else { continue }
      var overlapping: [Int] = []
      var longest: UInt64 = 0
      for index in indices {
        let needed = neededEntries(entries[index].l1Size, length: entries[index].diskSize)
        guard overlap < image.geometry.clusters(covering: needed * 8) else { continue }
        overlapping.append(index)
        longest = max(longest, needed)
      }
      guard !overlapping.isEmpty, try !isWholeTree(offset, longest) else { continue }
      misplaced.formUnion(overlapping)
    }
    return misplaced
  }

  /// Whether the header's L1 offset leads onto something else.
  func hasMisplacedL1(_ snapshots: [SnapshotEntry]) throws(BlockError) -> Bool {
    let needed = neededEntries(image.header.l1Size, length: image.header.size)
    guard needed > 0, image.header.l1Offset < image.fileLength,
      image.isInside(image.header.l1Offset, needed * 8)
    else {
      return false
    }
    var sizes = [image.header.l1Size]
    for entry in snapshots where entry.l1Offset == image.header.l1Offset { sizes.append(entry.l1Size) }
    let count = image.geometry.clusters(covering: needed * 8)
    guard tables.hasClaimedL1 || firstOverlap(image.header.l1Offset, sizes) ?? .max < count else {
      return try isNoTable(image.header.l1Offset, needed)
    }
    guard try !isWholeTree(image.header.l1Offset, needed, ofTablesOnly: true) else { return false }
    // An empty table may be where a repair that was interrupted has put it, which knew no refcounts.
    return try !isEmpty(image.header.l1Offset, needed)
      || !isOnRefcountsOnly(image.header.l1Offset, sizes, count)
  }

  /// The entries that a disk needs of those that its L1 table is said to have.
  private func neededEntries(_ size: UInt32, length: UInt64?) -> UInt64 {
    min(UInt64(size), image.geometry.l1Entries(forLength: length ?? image.header.size))
  }

  /// The first cluster, counted from an offset, to which more refers than the L1 tables of these sizes that start there.
  private func firstOverlap(_ offset: UInt64, _ sizes: [UInt32]) -> UInt64? {
    var lengths: [UInt64] = []
    for size in sizes where image.isInside(offset, UInt64(size) * 8) {
      lengths.append(image.geometry.clusters(covering: UInt64(size) * 8))
    }
    lengths.sort()
    var tables = lengths[...]
    let first = offset >> image.geometry.clusterBits
    for cluster in 0..<(lengths.last ?? 0) {
      while let length = tables.first, length <= cluster { tables.removeFirst() }
      if references[first + cluster] > UInt64(tables.count) { return cluster }
    }
    return nil
  }

  private func isEmpty(_ offset: UInt64, _ entries: UInt64) throws(BlockError) -> Bool {
    var isEmpty = true
    try forEachL1Entry(offset, entries) { (_: L1Entry) throws(BlockError) in isEmpty = false }
    return isEmpty
  }

  /// Whether nothing but refcount table and blocks overlaps L1 tables of these sizes.
  private func isOnRefcountsOnly(_ offset: UInt64, _ sizes: [UInt32], _ count: UInt64) -> Bool {
    guard !tables.hasClaimedL1 else { return false }
    let first = offset >> image.geometry.clusterBits
    var others = [UInt64](repeating: 0, count: Int(count))
    for cluster in 0..<count {
      let asTables = sizes.count { image.geometry.clusters(covering: UInt64($0) * 8) > cluster }
      others[Int(cluster)] = references[first + cluster] - min(references[first + cluster], UInt64(asTables))
    }
    func leave(_ offset: UInt64, _ bytes: UInt64) {
      guard image.isInside(offset, bytes) else { return }
      for cluster in offset >> image.geometry.clusterBits..<(offset + bytes) >> image.geometry.clusterBits
      where cluster >= first && cluster - first < count && others[Int(cluster - first)] > 0 {
        others[Int(cluster - first)] -= 1
      }
    }
    leave(image.header.refcountTableOffset, image.refcountTable.byteCount)
    for index in 0..<image.refcountTable.count where image.refcountTable[index] != 0 {
      leave(RefcountTableEntry(rawValue: image.refcountTable[index]).offset, image.geometry.clusterSize)
    }
    return others.allSatisfy { $0 == 0 }
  }

  /// Whether what lies at an offset is an L1 table with L2 tables that refer to anything, and nothing is wrong in them;
  /// with `ofTablesOnly`, nothing takes one of these for anything else.
  private func isWholeTree(_ offset: UInt64, _ entries: UInt64, ofTablesOnly: Bool = false) throws(BlockError)
    -> Bool
  {
    var isSound = true
    var hasData = false
    try forEachL1Entry(offset, entries) { (entry: L1Entry) throws(BlockError) in
      let state = tables[entry.offset]
      if entry.rawValue & TableWalk.reservedL1 != 0
        || image.isRoot(entry.offset >> image.geometry.clusterBits)
        || state?.isDamaged != false || ofTablesOnly && isUsedOtherwise(entry.offset)
      {
        isSound = false
      }
      hasData = hasData || state?.allocated ?? 0 > 0
    }
    return isSound && hasData
  }

  /// Whether most of what lies at an offset makes no sense as an L1 table: then something else is there, to which nothing
  /// refers, as is so with all that the table referred to.
  private func isNoTable(_ offset: UInt64, _ entries: UInt64) throws(BlockError) -> Bool {
    var used = 0
    var absurd = 0
    var leadAstray = 0
    try forEachL1Entry(offset, entries) { (entry: L1Entry) throws(BlockError) in
      used += 1
      if isAbsurd(entry) { absurd += 1 } else if try leadsAstray(entry) { leadAstray += 1 }
    }
    guard (absurd + leadAstray) * 2 > used else { return false }
    if used >= OverlapCheck.manyEntries || leadAstray == used { return true }
    // Behind a short table there are zeros as a rule.
    let end = image.geometry.clusters(covering: entries * 8) << image.geometry.clusterBits
    try forEachL1Entry(offset + entries * 8, (end - entries * 8) / 8) { (entry: L1Entry) throws(BlockError) in
      used += 1
      if isAbsurd(entry) { absurd += 1 }
    }
    return used >= OverlapCheck.manyEntries && (absurd + leadAstray) * 2 > used
  }

  /// Whether more than L1 entries refers to an L2 table.
  func isUsedOtherwise(_ table: UInt64) -> Bool {
    references[table >> image.geometry.clusterBits] > UInt64(tables[table]?.repeats ?? 0) + 1
  }

  /// So many entries do not make no sense by chance.
  static let manyEntries = 16

  /// Whether an entry looks like no entry at all, rather than like one for a place that was cut off.
  func isAbsurd(_ entry: L2Entry) -> Bool {
    if entry.isCompressed { return CompressedDescriptor(entry, image.geometry).offset > farthestSense }
    return entry.rawValue & image.reservedL2 != 0 || image.geometry.offsetInCluster(entry.offset) != 0
      || entry.offset > farthestSense
  }

  private func isAbsurd(_ entry: L1Entry) -> Bool {
    entry.rawValue & TableWalk.reservedL1 != 0 || image.geometry.offsetInCluster(entry.offset) != 0
      || entry.offset > farthestSense
  }

  private var farthestSense: UInt64 { max(image.fileLength, 1 << 30).times(64) ?? .max }

  /// Whether an L1 entry leads to a cluster of which most makes no sense as an L2 table.
  private func leadsAstray(_ entry: L1Entry) throws(BlockError) -> Bool {
    guard let state = tables[entry.offset], state.isDamaged else { return false }
    let buffer = try image.file.read(at: entry.offset, count: Int(image.geometry.clusterSize))
    let bytes = buffer.bytes
    var used = 0
    var absurd = 0
    for offset in stride(from: 0, to: bytes.byteCount, by: image.geometry.l2EntryBytes) {
      let entry = L2Entry(rawValue: bytes.big64(at: offset))
      guard entry.rawValue != 0 else { continue }
      used += 1
      if isAbsurd(entry) { absurd += 1 }
    }
    return used >= OverlapCheck.manyEntries && absurd * 2 > used
  }

  /// Visits the entries at an offset that are not zero.
  private func forEachL1Entry(
    _ offset: UInt64, _ entries: UInt64, _ body: (L1Entry) throws(BlockError) -> Void
  ) throws(BlockError) {
    var position: UInt64 = 0
    let bytes = entries * UInt64(L1Entry.size)
    while position < bytes {
      try image.context.checkInterrupted()
      let count = Int(min(bytes - position, TableWalk.readBytes))
      let buffer = try image.file.read(at: offset + position, count: count)
      for index in 0..<count / L1Entry.size {
        let entry = L1Entry(rawValue: buffer.bytes.big64(at: index * L1Entry.size))
        if entry.rawValue != 0 { try body(entry) }
      }
      position += UInt64(count)
    }
  }
}
