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
  private var loaded = -1
  private var isZero = true

  init(_ table: TableInMemory, _ geometry: Geometry, _ file: Edge) {
    self.table = table
    self.geometry = geometry
    self.file = file
  }

  /// Blocks that the table has room for.
  var count: Int { table.count }

  /// Where a block starts; 0 where there is none.
  func offset(_ index: Int) -> UInt64 { RefcountTableEntry(rawValue: table[index]).offset }

  /// Reads a block, unless it was the latest; false where all its counts are 0.
  ///
  /// - Throws: `corrupt` where it is not aligned, or what reading it threw.
  func load(_ index: Int) throws(BlockError) -> Bool {
    guard index != loaded else { return !isZero }
    let offset = offset(index)
    guard geometry.offsetInCluster(offset) == 0 else {
      throw BlockError(
        .corrupt,
        "qcow2: Image is corrupt: Refblock offset 0x\(hex(offset)) unaligned "
          + "(reftable index: \(prefixedHex(UInt64(index)))); further non-fatal corruption events will be suppressed"
      )
    }
    guard offset <= Qcow2Limits.fileEnd - geometry.clusterSize else {
      throw BlockError(.inputOutput, "refcount block \(index) lies past any file")
    }
    loaded = -1
    isZero = true
    if offset != 0 {
      let target = buffer ?? Buffer(count: Int(geometry.clusterSize))
      buffer = target
      var bytes = target.mutableBytes
      try file.read(at: offset, into: &bytes)
      isZero = target.bytes.isZero
    }
    loaded = index
    return !isZero
  }

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
      let end = min(geometry.refcountBlockEntries, clusters - first)
      for position in 0..<Int(end) where blocks.count(at: position) == 1 {
        singles.insert(first + UInt64(position))
      }
    }
  }

  /// Counts the references to refcount blocks.
  func addRefcountBlocks() throws(BlockError) {
    for index in 0..<refcountTable.count {
      let entry = refcountTable[index]
      if entry == 0 { continue }
      let offset = RefcountTableEntry(rawValue: entry).offset
      if entry != offset {
        found(.reservedBitsRefcountTable(index: index))
      } else if geometry.offsetInCluster(offset) != 0 {
        found(.unalignedRefcountBlock(index: index))
      } else if offset >> geometry.clusterBits >= clusters {
        found(.refcountBlockOutside(index: index))
      } else {
        try addReferences(at: offset, bytes: geometry.clusterSize)
        let count = references[offset >> geometry.clusterBits]
        if count != 1 { found(.refcountBlockShared(index: index, references: count)) }
      }
    }
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
      try context.checkInterrupted()
      do throws(BlockError) {
        if try blocks.load(index) || isReferenced { compareBlock(range, &highest) }
      } catch {
        if !saidUnaligned && error.kind == .corrupt { tell(error.message) }
        saidUnaligned = saidUnaligned || error.kind == .corrupt
        for cluster in range { found(.unreadableRefcount(cluster: cluster)) }
      }
    }
    compareUncounted(from: UInt64(blocks.count) << geometry.refcountBlockBits, &highest)
    if clusters > 0 { result.imageEndOffset = (highest + 1) << geometry.clusterBits }
  }

  private func compareBlock(_ range: Range<UInt64>, _ highest: inout UInt64) {
    for cluster in range {
      compare(cluster, refcount: blocks.count(at: Int(cluster - range.lowerBound)), &highest)
    }
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
      found(.tooFewCounted(cluster: cluster, refcount: refcount, references: count))
    } else if refcount > count {
      found(.leak(cluster: cluster, refcount: refcount, references: count))
    }
  }
}
