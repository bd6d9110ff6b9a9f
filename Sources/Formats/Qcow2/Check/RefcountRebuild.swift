// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Makes a refcount table and all its blocks anew, in clusters that nothing refers to.
///
/// The old ones stay as they are until the header points to the new ones, which is one write.
struct RefcountRebuild {
  private let check: ImageCheck
  private let geometry: Geometry
  /// References by the old table: clusters that it and its blocks take.
  private var old: [UInt64: UInt64] = [:]
  /// Clusters of the new table and blocks.
  private var new: Set<UInt64> = []
  /// The host cluster of each new block, by the block's number.
  private var places: [UInt64: UInt64] = [:]
  private var table: Range<UInt64> = 0..<0
  private var cursor: UInt64 = 0

  /// `check` has counted all references.
  init(_ check: ImageCheck) {
    self.check = check
    geometry = check.image.geometry
    noteOld(check.image.header.refcountTableOffset, check.image.refcountTable.byteCount)
    for index in 0..<check.image.refcountTable.count where check.image.refcountTable[index] != 0 {
      let entry = RefcountTableEntry(rawValue: check.image.refcountTable[index])
      guard entry.rawValue == entry.offset, geometry.offsetInCluster(entry.offset) == 0 else { continue }
      if entry.offset >> geometry.clusterBits < check.references.clusters {
        noteOld(entry.offset, geometry.clusterSize)
      }
    }
  }

  private mutating func noteOld(_ offset: UInt64, _ bytes: UInt64) {
    guard check.image.isInside(offset, bytes) else { return }
    for cluster in offset >> geometry.clusterBits...(offset + bytes - 1) >> geometry.clusterBits {
      old[cluster, default: 0] += 1
    }
  }

  /// Writes everything; where the table is, for the header to point there.
  mutating func run() throws(BlockError) -> (offset: UInt64, clusters: UInt32) {
    try plan()
    try write()
    return (table.lowerBound << geometry.clusterBits, UInt32(table.count))
  }

  /// Tells what became of the clusters of the old table and blocks.
  func tellOld() {
    var clusters = Array(old.keys)
    clusters.sort()
    for cluster in clusters {
      let finding = CheckFinding.leak(
        cluster: cluster, refcount: check.references[cluster], references: count(cluster))
      check.findings.tellMended(finding)
    }
  }

  // MARK: Places

  /// The references that stay. The new table and blocks lie in clusters without references.
  private func count(_ cluster: UInt64) -> UInt64 {
    let references = check.references[cluster]
    guard references > 0 else { return new.contains(cluster) ? 1 : 0 }
    guard let gone = old[cluster] else { return references }
    return references - min(references, gone)
  }

  private func isFree(_ cluster: UInt64) -> Bool {
    guard check.references[cluster] == 0, !new.contains(cluster) else { return false }
    // Tables that lie past the end of the file have no references, and will be there once it grows.
    let offset = cluster << geometry.clusterBits
    let l1End = check.image.header.l1Offset + UInt64(check.image.header.l1Size) * 8
    let oldEnd = check.image.header.refcountTableOffset + check.image.refcountTable.byteCount
    return !(offset < l1End && offset + geometry.clusterSize > check.image.header.l1Offset)
      && !(offset < oldEnd && offset + geometry.clusterSize > check.image.header.refcountTableOffset)
  }

  private mutating func plan() throws(BlockError) {
    for range in check.references.counts.chunkRanges {
      var cluster = range.lowerBound
      while cluster < range.upperBound {
        // Most of a large image has one reference each, in blocks that have a place by then.
        if cluster & 63 == 0, places[cluster >> geometry.refcountBlockBits] != nil, isUniform(from: cluster) {
          cluster += 64
          continue
        }
        let count = count(cluster)
        guard count <= geometry.refcountMaximum else {
          throw BlockError(.corrupt, "cluster \(cluster) has more references than its refcount holds")
        }
        if count > 0 { try placeBlock(counting: cluster) }
        cluster += 1
      }
    }
    try placeTable()
  }

  /// Whether each of 64 clusters has as many references, 0 or 1.
  private func isUniform(from cluster: UInt64) -> Bool {
    check.references.counts.areAll(1, from: cluster) || check.references.counts.areAll(0, from: cluster)
  }

  /// Makes sure that a cluster has a block, and that block too.
  private mutating func placeBlock(counting cluster: UInt64) throws(BlockError) {
    var index = cluster >> geometry.refcountBlockBits
    while places[index] == nil {
      while !isFree(cursor) { cursor += 1 }
      try requireFormat(cursor)
      places[index] = cursor
      new.insert(cursor)
      index = cursor >> geometry.refcountBlockBits
    }
  }

  private func requireFormat(_ cluster: UInt64) throws(BlockError) {
    guard cluster << geometry.clusterBits <= Qcow2Limits.hostOffset - geometry.clusterSize else {
      throw BlockError(.tooLarge, "the image file is as large as the format allows")
    }
  }

  private mutating func placeTable() throws(BlockError) {
    while true {
      let entries = (places.keys.max() ?? 0) + 1
      let bytes = entries * UInt64(RefcountTableEntry.size)
      guard bytes <= Qcow2Limits.refcountTableBytes else {
        throw BlockError(.tooLarge, "Reference count table too large")
      }
      let run = try freeRun(geometry.clusters(covering: bytes))
      let known = places.count
      for cluster in run { new.insert(cluster) }
      for cluster in run { try placeBlock(counting: cluster) }
      if places.count == known || (places.keys.max() ?? 0) < entries {
        table = run
        return
      }
      // The new blocks need a longer table.
      for cluster in run { new.remove(cluster) }
    }
  }

  private func freeRun(_ count: UInt64) throws(BlockError) -> Range<UInt64> {
    var start: UInt64 = 0
    var position: UInt64 = 0
    while position - start < count {
      if !isFree(position) { start = position + 1 }
      position += 1
      try requireFormat(position)
    }
    return start..<position
  }

  // MARK: Writing

  /// Clusters of old and new tables and blocks, by the number of the block that counts them.
  private func changedClusters() -> [UInt64: [UInt64]] {
    var result: [UInt64: [UInt64]] = [:]
    for cluster in old.keys { result[cluster >> geometry.refcountBlockBits, default: []].append(cluster) }
    for cluster in new { result[cluster >> geometry.refcountBlockBits, default: []].append(cluster) }
    return result
  }

  /// Stores the references that were found, from a cluster on, into an empty block.
  private func setReferences(_ first: UInt64, _ bytes: inout MutableRawSpan) {
    let order = geometry.refcountOrder
    for start in stride(from: 0, to: Int(geometry.refcountBlockEntries), by: 64) {
      guard !check.references.counts.areAll(0, from: first + UInt64(start)) else { continue }
      for index in start..<start + 64 {
        let count = check.references[first + UInt64(index)]
        if count > 0 { RefcountBlock.set(count, &bytes, at: index, order: order) }
      }
    }
  }

  private func write() throws(BlockError) {
    let file = check.image.file
    let tableBuffer = Buffer(count: table.count << Int(geometry.clusterBits))
    var tableBytes = tableBuffer.mutableBytes
    let block = Buffer(count: Int(geometry.clusterSize))
    let changed = changedClusters()
    var indices = Array(places.keys)
    indices.sort()
    for index in indices {
      guard let place = places[index] else { continue }
      try check.image.context.checkInterrupted()
      var bytes = block.mutableBytes
      bytes.fill()
      let first = index << geometry.refcountBlockBits
      setReferences(first, &bytes)
      for cluster in changed[index] ?? [] {
        RefcountBlock.set(count(cluster), &bytes, at: Int(cluster - first), order: geometry.refcountOrder)
      }
      let offset = place << geometry.clusterBits
      try file.write(at: offset, from: block.bytes)
      tableBytes.storeBig(offset, at: Int(index) * RefcountTableEntry.size)
    }
    try file.write(at: table.lowerBound << geometry.clusterBits, from: tableBuffer.bytes)
    try file.flush()
  }
}
