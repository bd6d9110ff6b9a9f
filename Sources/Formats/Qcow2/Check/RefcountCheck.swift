// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Refcounts: the structure itself, and its counts against the references.
final class RefcountCheck {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let references: FoundReferences
  private let tables: TableStates
  /// The blocks as they are in the file.
  let blocks: RefcountBlockReader
  /// The clusters that are counted once.
  private(set) var singles: SingleReferences
  /// Corruptions of the refcount table and of the places of its blocks; part of those in the result.
  private(set) var brokenBlocks: UInt64 = 0
  /// Whether the refcount table and all blocks have to be made anew.
  private(set) var needsRebuild = false

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ references: FoundReferences, _ tables: TableStates
  ) {
    self.image = image
    self.findings = findings
    self.references = references
    self.tables = tables
    blocks = RefcountBlockReader(image.refcountTable, image.geometry, image.file)
    singles = SingleReferences(clusters: references.clusters)
  }

  /// Remembers which clusters of the file are counted once, so that flags can be judged as entries are read.
  func noteSingles() throws(BlockError) {
    for index in 0..<blocks.count {
      let first = UInt64(index) << image.geometry.refcountBlockBits
      guard first < min(references.clusters, singles.limit) else { break }
      // A block that cannot be read is told of when counts are compared.
      guard blocks.offset(index) != 0, let isUsed = try? blocks.load(index), isUsed else { continue }
      let count = min(image.geometry.refcountBlockEntries, references.clusters - first)
      guard let block = blocks.latest else { continue }
      singles.note(block.bytes, from: first, count: count, order: image.geometry.refcountOrder)
    }
  }

  /// Counts the clusters of the refcount table.
  func addTable() throws(BlockError) {
    let before = findings.result.corruptions
    try references.add(at: image.header.refcountTableOffset, bytes: image.refcountTable.byteCount)
    if findings.result.corruptions != before { noteBrokenBlock() }
  }

  /// Counts the references to refcount blocks.
  func addBlocks() throws(BlockError) {
    for index in 0..<image.refcountTable.count {
      let entry = image.refcountTable[index]
      if entry == 0 { continue }
      let offset = RefcountTableEntry(rawValue: entry).offset
      if entry != offset {
        findings.found(.reservedBitsRefcountTable(index: index))
        noteBrokenBlock()
      } else if image.geometry.offsetInCluster(offset) != 0 {
        findings.found(.unalignedRefcountBlock(index: index))
        noteBrokenBlock()
      } else if offset >> image.geometry.clusterBits >= references.clusters {
        findings.foundInOldBlocks(.refcountBlockOutside(index: index))
        noteBrokenBlock(needsRebuild: image.repair == .all)
      } else {
        try references.add(at: offset, bytes: image.geometry.clusterSize)
        let count = references[offset >> image.geometry.clusterBits]
        if count != 1 {
          findings.found(.refcountBlockShared(index: index, references: count))
          noteBrokenBlock()
        }
      }
    }
  }

  /// A refcount table that is something else as well gets another place: the other thing cannot be made anew.
  func noteSharedTable() {
    guard image.repair == .all,
      image.isInside(image.header.refcountTableOffset, image.refcountTable.byteCount)
    else { return }
    let first = image.header.refcountTableOffset >> image.geometry.clusterBits
    for cluster in first..<first + UInt64(image.header.refcountTableClusters) where references[cluster] > 1 {
      needsRebuild = true
    }
  }

  private func noteBrokenBlock(needsRebuild: Bool = true) {
    brokenBlocks += 1
    if needsRebuild { self.needsRebuild = true }
  }

  /// Compares every cluster's refcount with its references.
  func compare() throws(BlockError) {
    var highest: UInt64 = 0
    var saidUnaligned = false
    for index in 0..<blocks.count {
      let first = UInt64(index) << image.geometry.refcountBlockBits
      guard first < references.clusters else { break }
      let range = first..<min(references.clusters, first + image.geometry.refcountBlockEntries)
      let isReferenced = references.counts.mayHaveAny(in: range)
      guard blocks.offset(index) != 0 || isReferenced else { continue }
      // Blocks that the table names again and again were told of; their single counts are not worth the time.
      let isRepeated =
        blocks.offset(index) != 0 && references[blocks.offset(index) >> image.geometry.clusterBits] > 1
      guard !isRepeated || tables.takeBudget(image.geometry.refcountBlockEntries) else { continue }
      try image.context.checkInterrupted()
      do throws(BlockError) {
        if try blocks.load(index) || isReferenced { compareBlock(range, &highest) }
      } catch {
        if !saidUnaligned && error.kind == .corrupt { findings.tell(error.message) }
        saidUnaligned = saidUnaligned || error.kind == .corrupt
        needsRebuild = true
        findings.noteUnreadable(blocks.offset(index))
        for cluster in range { findings.found(.unreadableRefcount(cluster: cluster)) }
      }
    }
    compareUncounted(from: UInt64(blocks.count) << image.geometry.refcountBlockBits, &highest)
    if references.clusters > 0 { findings.setEnd((highest + 1) << image.geometry.clusterBits) }
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
    guard cluster & 63 == 0, end - cluster >= 64, image.geometry.refcountOrder == 4 else { return nil }
    guard let block = blocks.latest else { return references.counts.areAll(0, from: cluster) ? 0 : nil }
    if references.counts.areAll(1, from: cluster), RefcountBlock.areAllOne(block.bytes, at: index) {
      return 1
    }
    if references.counts.areAll(0, from: cluster), RefcountBlock.areAllZero(block.bytes, at: index) {
      return 0
    }
    return nil
  }

  /// Clusters that the refcount table is too short for.
  private func compareUncounted(from start: UInt64, _ highest: inout UInt64) {
    guard start < references.clusters else { return }
    for range in references.counts.chunkRanges where range.upperBound > start {
      for cluster in max(
        range.lowerBound, start)..<min(range.upperBound, max(references.clusters, range.lowerBound))
      {
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
      findings.found(.tooFewCounted(cluster: cluster, refcount: refcount, references: count))
    } else if refcount > count {
      findings.found(.leak(cluster: cluster, refcount: refcount, references: count))
    }
  }

  /// Gives up the memory of what was noted of single clusters.
  func forget() { singles = SingleReferences(clusters: 0) }
}
