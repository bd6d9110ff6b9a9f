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
