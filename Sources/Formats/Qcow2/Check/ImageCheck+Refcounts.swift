// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Refcounts as the image file has them.
final class RefcountBlockReader {
  private let table: TableInMemory
  private let geometry: Geometry
  private let file: Edge
  private var buffer: Buffer?
  /// The offset in the file of the block in memory.
  private var loaded: UInt64?
  private var isZero = true

  init(_ table: TableInMemory, _ geometry: Geometry, _ file: Edge) {
    self.table = table
    self.geometry = geometry
    self.file = file
  }

  /// Blocks that the table has room for.
  var count: Int { table.count }

  /// The offset of a block; 0 where there is none.
  func offset(_ index: Int) -> UInt64 { RefcountTableEntry(rawValue: table[index]).offset }

  /// Reads a block, unless it was the latest; false where all its counts are 0.
  ///
  /// - Throws: `corrupt` where it is not aligned, or what reading it threw.
  func load(_ index: Int) throws(BlockError) -> Bool {
    let offset = offset(index)
    guard offset != loaded else { return !isZero }
    guard geometry.offsetInCluster(offset) == 0 else {
      let finding =
        "Refblock offset 0x\(hex(offset)) unaligned (reftable index: \(prefixedHex(UInt64(index))))"
      throw BlockError(
        .corrupt,
        "qcow2: Image is corrupt: \(finding); further non-fatal corruption events will be suppressed",
        damage: finding)
    }
    guard offset <= Qcow2Limits.fileEnd - geometry.clusterSize else {
      throw BlockError(.inputOutput, "refcount block \(index) lies past any file")
    }
    loaded = nil
    isZero = true
    if offset != 0, !file.isHole(at: offset, length: geometry.clusterSize) {
      let target = buffer ?? Buffer(count: Int(geometry.clusterSize))
      buffer = target
      var bytes = target.mutableBytes
      try file.read(at: offset, into: &bytes)
      isZero = target.bytes.isZero
    }
    loaded = offset
    return !isZero
  }

  /// The latest block as it stands in the file; nil where all its counts are 0.
  var latest: Buffer? { isZero ? nil : buffer }

  /// A count of the latest block.
  func count(at index: Int) -> UInt64 {
    guard !isZero, let buffer else { return 0 }
    return RefcountBlock.count(buffer.bytes, at: index, order: geometry.refcountOrder)
  }

  /// The refcount of any cluster.
  func refcount(of cluster: UInt64) throws(BlockError) -> UInt64 {
    let index = cluster >> geometry.refcountBlockBits
    guard index < UInt64(table.count), try load(Int(index)) else { return 0 }
    return count(at: Int(cluster & (geometry.refcountBlockEntries - 1)))
  }
}

/// Refcounts: the structure itself, and its counts against the references.
extension ImageCheck {
  /// Remembers which clusters of the file are counted once, so that flags can be judged as entries are read.
  func noteSingles() throws(BlockError) {
    for index in 0..<blocks.count {
      let first = UInt64(index) << geometry.refcountBlockBits
      guard first < min(clusters, singles.limit) else { break }
      // A block that cannot be read is told of when counts are compared.
      guard blocks.offset(index) != 0, let isUsed = try? blocks.load(index), isUsed else { continue }
      let count = min(geometry.refcountBlockEntries, clusters - first)
      guard let block = blocks.latest else { continue }
      singles.note(block.bytes, from: first, count: count, order: geometry.refcountOrder)
    }
  }

  /// Counts the clusters of the refcount table.
  func addRefcountTable() throws(BlockError) {
    let before = result.corruptions
    try addReferences(at: header.refcountTableOffset, bytes: refcountTable.byteCount)
    if result.corruptions != before { noteBrokenBlock() }
  }

  /// Counts the references to refcount blocks.
  func addRefcountBlocks() throws(BlockError) {
    for index in 0..<refcountTable.count {
      let entry = refcountTable[index]
      if entry == 0 { continue }
      let offset = RefcountTableEntry(rawValue: entry).offset
      if entry != offset {
        found(.reservedBitsRefcountTable(index: index))
        noteBrokenBlock()
      } else if geometry.offsetInCluster(offset) != 0 {
        found(.unalignedRefcountBlock(index: index))
        noteBrokenBlock()
      } else if offset >> geometry.clusterBits >= clusters {
        log?.tell(.refcountBlockOutside(index: index), isMended: repair == .all)
        result.corruptions += 1
        noteBrokenBlock(needsRebuild: repair == .all)
      } else {
        try addReferences(at: offset, bytes: geometry.clusterSize)
        let count = references[offset >> geometry.clusterBits]
        if count != 1 {
          found(.refcountBlockShared(index: index, references: count))
          noteBrokenBlock()
        }
      }
    }
  }

  /// A refcount table that is something else as well gets another place: the other thing cannot be made anew.
  func noteSharedRefcountTable() {
    guard repair == .all, isInside(header.refcountTableOffset, refcountTable.byteCount) else { return }
    let first = header.refcountTableOffset >> geometry.clusterBits
    for cluster in first..<first + UInt64(header.refcountTableClusters) where references[cluster] > 1 {
      needsRebuild = true
    }
  }

  private func noteBrokenBlock(needsRebuild: Bool = true) {
    brokenBlocks += 1
    if needsRebuild { self.needsRebuild = true }
  }

  /// Compares every cluster's refcount with its references.
  func compareRefcounts() throws(BlockError) {
    var highest: UInt64 = 0
    var saidUnaligned = false
    for index in 0..<blocks.count {
      let first = UInt64(index) << geometry.refcountBlockBits
      guard first < clusters else { break }
      let range = first..<min(clusters, first + geometry.refcountBlockEntries)
      let isReferenced = references.mayHaveAny(in: range)
      guard blocks.offset(index) != 0 || isReferenced else { continue }
      // Blocks that the table names again and again were told of; their single counts are not worth the time.
      let isRepeated =
        blocks.offset(index) != 0 && references[blocks.offset(index) >> geometry.clusterBits] > 1
      guard !isRepeated || takeBudget(geometry.refcountBlockEntries) else { continue }
      try context.checkInterrupted()
      do throws(BlockError) {
        if try blocks.load(index) || isReferenced { compareBlock(range, &highest) }
      } catch {
        if !saidUnaligned && error.kind == .corrupt { tell(error.message) }
        saidUnaligned = saidUnaligned || error.kind == .corrupt
        needsRebuild = true
        unreadable.insert(blocks.offset(index))
        for cluster in range { found(.unreadableRefcount(cluster: cluster)) }
      }
    }
    compareUncounted(from: UInt64(blocks.count) << geometry.refcountBlockBits, &highest)
    if clusters > 0 { result.imageEndOffset = (highest + 1) << geometry.clusterBits }
  }

  private func compareBlock(_ range: Range<UInt64>, _ highest: inout UInt64) {
    var position = range.lowerBound
    while position < range.upperBound {
      let index = Int(position - range.lowerBound)
      if let uniform = uniformCount(position, index, range.upperBound) {
        if uniform == 1 { highest = position + 63 }
        position += 64
      } else {
        compare(position, refcount: blocks.count(at: index), &highest)
        position += 1
      }
    }
  }

  /// The refcount that 64 clusters have in common with their references, if it is 0 or 1 and easily seen.
  private func uniformCount(_ cluster: UInt64, _ index: Int, _ end: UInt64) -> UInt64? {
    guard cluster & 63 == 0, end - cluster >= 64, geometry.refcountOrder == 4 else { return nil }
    guard let block = blocks.latest else { return references.areAll(0, from: cluster) ? 0 : nil }
    if references.areAll(1, from: cluster), RefcountBlock.areAllOne(block.bytes, at: index) { return 1 }
    if references.areAll(0, from: cluster), RefcountBlock.areAllZero(block.bytes, at: index) { return 0 }
    return nil
  }

  /// Clusters that the refcount table is too short for.
  private func compareUncounted(from start: UInt64, _ highest: inout UInt64) {
    guard start < clusters else { return }
    for range in references.chunkRanges where range.upperBound > start {
      for cluster in max(range.lowerBound, start)..<min(range.upperBound, max(clusters, range.lowerBound)) {
        compare(cluster, refcount: 0, &highest)
      }
    }
  }

  private func compare(_ cluster: UInt64, refcount: UInt64, _ highest: inout UInt64) {
    let count = references[cluster]
    guard refcount != 0 || count != 0 else { return }
    highest = cluster
    if refcount < count {
      if refcount == 0 { needsRebuild = true }
      found(.tooFewCounted(cluster: cluster, refcount: refcount, references: count))
    } else if refcount > count {
      found(.leak(cluster: cluster, refcount: refcount, references: count))
    }
  }
}
