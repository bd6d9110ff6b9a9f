// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

/// The places of all structures in a new image, in clusters and in this order: header, refcount table, refcount blocks,
/// L1 table, encryption header, and, with preallocation, L2 tables and guest data.
struct ImageLayout: Equatable {
  let geometry: Geometry
  /// Entries of the L1 table.
  let l1Entries: UInt64
  let refcountTableClusters: UInt64
  let refcountBlocks: UInt64
  let l1Clusters: UInt64
  /// Clusters of the encryption header.
  let encryptionClusters: UInt64
  /// L2 tables; 0 where nothing is allocated beforehand.
  let l2Tables: UInt64
  /// Guest clusters that have an L2 entry beforehand.
  let guestClusters: UInt64
  /// Clusters of guest data in the image file.
  let dataClusters: UInt64

  /// Lays a new image out.
  ///
  /// - Parameter isMeasured: whether its size is all that is asked for. `qemu-img` counts the refcounts of images, too,
  ///   that are larger than their table can become.
  /// - Throws: `tooLarge` where a table would be larger than its limit.
  init(
    _ geometry: Geometry, length: UInt64, allocatesTables: Bool, hasDataFile: Bool,
    encryptionHeader: UInt64 = 0, isMeasured: Bool = false
  ) throws(BlockError) {
    self.geometry = geometry
    l1Entries = geometry.l1Entries(forLength: length)
    guard l1Entries <= Qcow2Limits.l1Bytes / 8 else { throw ImageLayout.tooLarge }
    l1Clusters = geometry.clusters(covering: l1Entries * 8)
    encryptionClusters = geometry.clusters(covering: encryptionHeader)
    l2Tables = allocatesTables ? l1Entries : 0
    guestClusters = allocatesTables ? geometry.clusters(covering: length) : 0
    dataClusters = hasDataFile ? 0 : guestClusters
    // Each round adds what counts the blocks of the round before; it ends since a block counts many clusters.
    let rest = 1 + l1Clusters + encryptionClusters + l2Tables + dataClusters
    var blocks: UInt64 = 1
    while true {
      let table = geometry.clusters(covering: blocks * UInt64(RefcountTableEntry.size))
      let needed = (rest + table + blocks).dividedUp(by: geometry.refcountBlockEntries)
      if needed <= blocks {
        refcountTableClusters = table
        refcountBlocks = blocks
        break
      }
      blocks = needed
    }
    guard !isMeasured else { return }
    guard refcountTableClusters << geometry.clusterBits <= Qcow2Limits.refcountTableBytes,
      totalClusters << geometry.clusterBits <= Qcow2Limits.hostOffset
    else { throw ImageLayout.tooLarge }
  }

  private static var tooLarge: BlockError {
    BlockError(
      .tooLarge, "The image size is too large for file format 'qcow2' (try using a larger cluster size)")
  }

  /// The first cluster of each part.
  var refcountTable: UInt64 { 1 }
  var firstBlock: UInt64 { refcountTable + refcountTableClusters }
  var l1Table: UInt64 { firstBlock + refcountBlocks }
  var encryptionHeader: UInt64 { l1Table + l1Clusters }
  var firstL2Table: UInt64 { encryptionHeader + encryptionClusters }
  var firstData: UInt64 { firstL2Table + l2Tables }
  /// All clusters in use.
  var totalClusters: UInt64 { firstData + dataClusters }
}
