// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Changing what an image was created with.
///
/// Each change is complete in itself: everything that it needs is in the file before one write to the header lets it
/// count, and space is given back after it. No other request runs meanwhile.
struct ImageAmendment {
  let driver: Qcow2Driver

  init(_ driver: Qcow2Driver) { self.driver = driver }

  var mapping: MappingTables { driver.mapping }
  var allocator: ClusterAllocator { driver.allocator }
  var header: HeaderStore { driver.header }
  var files: FileSpace { driver.files }
  var claims: ClaimedWrites { driver.claims }
  var snapshots: SnapshotStore { driver.snapshots }
  var geometry: Geometry { driver.allocator.geometry }

  /// The steps before the disk gets another length.
  func begin(_ plan: AmendPlan, _ held: borrowing Held, _ context: JobContext) throws(BlockError) {
    try quiesce(held)
    if plan.version > header.version { try upgrade(held) }
    try changeReferences(plan, held)
    if UInt64(plan.refcountOrder) != geometry.refcountOrder {
      try changeRefcountWidth(to: UInt64(plan.refcountOrder), held, context)
    }
  }

  /// The steps behind that.
  func end(_ plan: AmendPlan, _ held: borrowing Held, _ context: JobContext) throws(BlockError) {
    try quiesce(held)
    if plan.version < header.version { try downgrade(held, context) }
    try changeLazyRefcounts(to: plan.hasLazyRefcounts, held)
  }

  /// Brings the file up to date, refcounts included, and lets refcounts be written before what needs them.
  private func quiesce(_ held: borrowing Held) throws(BlockError) {
    claims.wait(for: 0..<UInt64.max, held)
    try mapping.settle(held)
    try allocator.write(held)
    try files.barrier(held)
    guard header.hasLateCounts else { return }
    try header.endLateCounts(held)
    try files.barrier(held)
  }

  private func changeReferences(_ plan: AmendPlan, _ held: borrowing Held) throws(BlockError) {
    var changed = header.current
    if let name = plan.dataFile, name != header.current.first(.dataFile)?.text ?? "" {
      changed.set(.dataFile, name.isEmpty ? nil : name.spelledBytes)
    }
    if plan.freesDataFile { changed.autoclear.remove(.rawDataFile) }
    guard changed != header.current else { return }
    try header.replace(byShorter: changed, held)
  }

  private func changeLazyRefcounts(to isLazy: Bool, _ held: borrowing Held) throws(BlockError) {
    guard header.version >= 3 else { return }
    let isChanged = try header.setFeatures(held) {
      if isLazy { $0.compatible.insert(.lazyRefcounts) } else { $0.compatible.remove(.lazyRefcounts) }
    }
    if isChanged { try files.barrier(held) }
  }

  // MARK: Refcounts

  /// Gives refcounts another width; the file has all tables.
  private func changeRefcountWidth(to order: UInt64, _ held: borrowing Held, _ context: JobContext)
    throws(BlockError)
  {
    try refuseLargeCounts(order, held)
    try snapshots.exchange(refcountOrder: order, held, context) { _ throws(BlockError) in }
  }

  private func refuseLargeCounts(_ order: UInt64, _ held: borrowing Held) throws(BlockError) {
    guard order < geometry.refcountOrder else { return }
    let wanted = geometry.with(refcountOrder: order)
    try allocator.forEachCount(held) { (cluster: UInt64, count: UInt64) throws(BlockError) in
      guard count > wanted.refcountMaximum else { return }
      throw BlockError(
        .tooLarge,
        "Cannot decrease refcount entry width to \(wanted.refcountBits) bits: Cluster at offset "
          + "0x\(hex(cluster << geometry.clusterBits)) has a refcount of \(count)")
    }
  }
}
