// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// Changing what an image was created with.
///
/// Each change is complete in itself: whatever it needs is in the file before one write to the header lets it count,
/// and space is given back after it. No other request runs meanwhile.
extension Qcow2Driver: AmendingDriver {
  /// Looks whether the image may be written; takes nothing.
  func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {
    guard node.isWritable else { throw BlockError(.readOnly, "Block node is read-only") }
  }

  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) {
    let plan = try monitor.withLock { () throws(BlockError) -> AmendPlan in
      try refuseBroken()
      return try AmendPlan(request.options, header, snapshots: snapshots)
    }
    // Keys first, which secrets that are wrong refuse; else the order lets each step find what it needs: newer
    // features come before, and go last.
    if plan.changesKeys { try amendKeys(request, node) }
    try monitor.withLock { () throws(BlockError) in
      try quiesce(node)
      if plan.version > header.version { try upgrade(node) }
      try changeReferences(plan, node)
      if UInt64(plan.refcountOrder) != geometry.refcountOrder {
        try changeRefcountWidth(to: UInt64(plan.refcountOrder), node, context)
      }
    }
    if let length = plan.length, length != self.length {
      try truncate(to: length, exact: true, preallocation: .off, of: node)
      node.childResized()
    }
    try monitor.withLock { () throws(BlockError) in
      try quiesce(node)
      if plan.version < header.version { try downgrade(node, context) }
      try changeLazyRefcounts(to: plan.hasLazyRefcounts, node)
    }
  }

  /// Brings the file up to date, refcounts included, and lets refcounts be written before what needs them. The
  /// monitor is held.
  private func quiesce(_ node: Node) throws(BlockError) {
    try prepareForChanges(node)
    waitForWrites(0..<UInt64.max)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    try writeRefcounts(node)
    try barrier(node)
    guard hasDirtyBit else { return }
    header.incompatible.remove(.dirty)
    try writeFeatures(node)
    hasDirtyBit = false
    try barrier(node)
  }

  private func changeReferences(_ plan: AmendPlan, _ node: Node) throws(BlockError) {
    var changed = header
    if let name = plan.dataFile, name != header.first(.dataFile)?.text ?? "" {
      changed.set(.dataFile, name.isEmpty ? nil : name.spelledBytes)
    }
    if plan.freesDataFile { changed.autoclear.remove(.rawDataFile) }
    guard changed != header else { return }
    try replaceHeader(byShorter: changed, node)
  }

  private func changeLazyRefcounts(to isLazy: Bool, _ node: Node) throws(BlockError) {
    guard header.version >= 3, isLazy != header.compatible.contains(.lazyRefcounts) else { return }
    let before = header.compatible
    if isLazy { header.compatible.insert(.lazyRefcounts) } else { header.compatible.remove(.lazyRefcounts) }
    do throws(BlockError) {
      try writeFeatures(node)
      try barrier(node)
    } catch {
      header.compatible = before
      throw error
    }
  }

  /// Writes another header, without the names of features where room is short: they are for people.
  func replaceHeader(byShorter new: Header, _ node: Node) throws(BlockError) {
    var new = new
    if new.writtenSize > Int(geometry.clusterSize) { new.set(.featureNames, nil) }
    guard new.writtenSize <= Int(geometry.clusterSize) else {
      throw BlockError(.tooLarge, "No space left in the file header")
    }
    try replaceHeader(by: new, node)
  }
}
