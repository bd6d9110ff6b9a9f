// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// Refcounts of another width. The monitor is held, and the file has all tables.
extension Qcow2Driver {
  func changeRefcountWidth(to order: UInt64, _ node: Node, _ context: JobContext) throws(BlockError) {
    try refuseLargeCounts(order, node)
    try exchangeTables(refcountOrder: order, node, context) { _ throws(BlockError) in }
  }

  private func refuseLargeCounts(_ order: UInt64, _ node: Node) throws(BlockError) {
    guard order < geometry.refcountOrder else { return }
    let wanted = geometry.with(refcountOrder: order)
    try forEachCount(node) { (cluster: UInt64, count: UInt64) throws(BlockError) in
      guard count > wanted.refcountMaximum else { return }
      throw BlockError(
        .tooLarge,
        "Cannot decrease refcount entry width to \(wanted.refcountBits) bits: Cluster at offset "
          + "0x\(hex(cluster << geometry.clusterBits)) has a refcount of \(count)")
    }
  }
}
