// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// One repair of one image. The monitor is held throughout.
///
/// 1. Tables lose what contradicts the specification. Nothing that could be read depends on it.
/// 2. Refcounts become the number of references that are left, in place or in new blocks.
/// 3. Marks for "refcount is 1" follow them, then the snapshot table, where it changes, gets a new place.
/// 4. Once nothing is wrong any more, the image is marked as whole.
///
/// Each step is durable before the next, and each leaves an image that another repair can go on with.
final class ImageRepair {
  private let driver: Qcow2Driver
  private let node: Node
  private let file: Edge
  private let what: CheckRepair
  private let context: JobContext
  private let log: FindingLog
  private var fixed = RepairCount()
  private var result = CheckResult()
  /// More rounds are not tried: what was mended can only in odd cases be wrong in another way.
  private static let rounds = 4

  init(
    _ driver: Qcow2Driver, _ node: Node, _ file: Edge, _ what: CheckRepair, _ context: JobContext,
    _ log: FindingLog
  ) {
    self.driver = driver
    self.node = node
    self.file = file
    self.what = what
    self.context = context
    self.log = log
  }

  /// Looks at everything and mends it.
  func run() throws(BlockError) -> CheckResult {
    let headerEnd = driver.geometry.clusterSize
    guard header.l1Offset >= headerEnd || header.l1Size == 0 else {
      throw BlockError(.corrupt, "the L1 table lies on the header: this cannot be repaired")
    }
    var check = ImageCheck(driver, file, context, repair: what, log)
    var snapshots = try check.readSnapshotTable()
    try check.noteSingles()
    try check.countReferences(snapshots)
    result = check.result
    result.corruptions -= check.brokenBlocks
    let toldBlocks = check.brokenBlocks
    // Where a table could not be read, what it refers to would count as lost.
    guard check.result.checkErrors == 0 else { return finish(adding: toldBlocks) }
    if what == .all { check = try mendTables(check, &snapshots) }
    guard try mendRefcounts(check, toldBlocks) else { return finish(adding: 0) }
    try mendMarks(check, snapshots)
    if snapshots.isMended, try moveSnapshotTable(snapshots) {
      // What shared a cluster with the old table may be alone in it now.
      let moved = try ImageCheck(driver, file, context).readSnapshotTable()
      try mendMarks(check, moved)
    }
    try file.flush()
    try markWhole()
    return finish(adding: 0)
  }

  private func finish(adding corruptions: UInt64) -> CheckResult {
    result.corruptions += corruptions
    result.corruptionsFixed = fixed.corruptions
    result.leaksFixed = fixed.leaks
    return result
  }

  // MARK: Tables

  /// Mends tables until nothing is found that can be mended; a check that has counted what is left.
  private func mendTables(_ first: ImageCheck, _ snapshots: inout SnapshotTableContent) throws(BlockError)
    -> ImageCheck
  {
    var check = first
    for _ in 0..<ImageRepair.rounds {
      guard check.mendable > 0 || check.hasTooMany else { break }
      let kept = snapshots.entries.filter { check.isWhole($0) }
      if kept.count != snapshots.entries.count { snapshots.isMended = true }
      snapshots.entries = kept
      if !check.isInside(header.snapshotsOffset, snapshots.bytes) {
        // What is there of it stays as it is until there is another.
        let isThere = header.snapshotsOffset < check.fileLength
        snapshots.bytes = isThere ? check.fileLength - header.snapshotsOffset : 0
        snapshots.entries.removeAll { $0.isBlank }
        snapshots.isMended = true
      }
      // Where something else is in it, what is mended there changes it.
      if check.isShared(header.snapshotsOffset, snapshots.bytes) { snapshots.isMended = true }
      var mender = TableMender(check)
      try mender.run(snapshots)
      try driver.dropBrokenBitmaps(check, node)
      try file.flush()
      if let place = mender.newL1 { try moveL1(to: place) }
      // Where something else is in the refcount table, that may have changed.
      try readRefcountTable()
      check.forget()
      check = ImageCheck(driver, file, context, repair: what)
      try check.noteSingles()
      try check.countReferences(snapshots)
    }
    fixed.corruptions += first.mendable
    result.corruptions += check.mendable
    result.checkErrors += check.result.checkErrors
    check.log = log
    return check
  }

  /// Lets the header point to another active L1 table, which is durable.
  private func moveL1(to place: UInt64) throws(BlockError) {
    var changed = header
    changed.l1Offset = place
    try driver.switchHeader(to: changed, node)
    try file.flush()
    driver.metadataMap = nil
  }

  private var header: Header { driver.header }

  // MARK: Refcounts

  /// Sets refcounts right; false where that is not allowed or not possible.
  private func mendRefcounts(_ check: ImageCheck, _ brokenBlocks: UInt64) throws(BlockError) -> Bool {
    guard result.checkErrors == 0 else { return true }
    let before = check.result
    try check.compareRefcounts()
    result.imageEndOffset = check.result.imageEndOffset
    let corruptions = check.result.corruptions - before.corruptions
    if check.needsRebuild {
      guard what == .all else {
        log.tell("ERROR need to rebuild refcount structures")
        result.gaveUp = true
        return false
      }
      log.tell("Rebuilding refcount structure")
      try rebuild(check)
      fixed.corruptions += corruptions + brokenBlocks
      fixed.leaks += check.result.leaks
      return true
    }
    result.corruptions += brokenBlocks
    guard corruptions + check.result.leaks + fixed.corruptions > 0 else { return true }
    let compared = check.result
    try check.patchRefcounts(what, &fixed)
    result.corruptions += check.result.corruptions - compared.corruptions
    try file.flush()
    return true
  }

  private func rebuild(_ check: ImageCheck) throws(BlockError) {
    var rebuild = RefcountRebuild(check)
    let table = try rebuild.run()
    var changed = header
    changed.refcountTableOffset = table.offset
    changed.refcountTableClusters = table.clusters
    try driver.switchHeader(to: changed, node)
    try file.flush()
    rebuild.tellOld()
    try readRefcountTable()
    driver.refcounts.cursor = 0
    driver.metadataMap = nil
  }

  private func readRefcountTable() throws(BlockError) {
    let bytes = Int(header.refcountTableClusters) << Int(driver.geometry.clusterBits)
    driver.refcounts.table = try TableInMemory(
      offset: header.refcountTableOffset, count: bytes / RefcountTableEntry.size, from: file)
  }

  // MARK: Marks, snapshots, features

  private func mendMarks(_ check: ImageCheck, _ snapshots: SnapshotTableContent) throws(BlockError) {
    var check = check
    if fixed.corruptions + fixed.leaks > 0 {
      check.forget()
      check = ImageCheck(driver, file, context)
      try check.noteSingles()
      try check.countReferences(snapshots)
      check.log = log
    }
    let before = check.result.corruptions
    let mayFix = what == .all || result.corruptions == 0
    try check.checkCopiedFlags(fixing: mayFix, &fixed)
    result.corruptions += check.result.corruptions - before
    result.checkErrors += check.result.checkErrors
    try file.flush()
  }

  /// Writes the snapshots that are left to a new place, and lets the header point there.
  ///
  /// - Returns: whether something else is in the clusters of the old table too.
  private func moveSnapshotTable(_ content: SnapshotTableContent) throws(BlockError) -> Bool {
    let mended = content.named
    driver.l1 = try TableInMemory(offset: header.l1Offset, count: Int(header.l1Size), from: file)
    // Their old table is safe from being overwritten: it is counted.
    driver.snapshots = []
    driver.metadataMap = nil
    let first = header.snapshotsOffset >> driver.geometry.clusterBits
    let place = try driver.placeSnapshotTable(mended, node)
    try driver.writeRefcounts(node)
    try file.flush()
    var changed = header
    changed.snapshotCount = UInt32(mended.count)
    changed.snapshotsOffset = place.clusters.lowerBound << driver.geometry.clusterBits
    try driver.switchHeader(to: changed, node)
    try file.flush()
    driver.snapshots = mended
    // A table that lies past the end of the file has no clusters.
    guard content.bytes > 0 else { return false }
    let clusters = first..<first + driver.geometry.clusters(covering: content.bytes)
    try driver.dropReferences(clusters, .other, node)
    try driver.writeRefcounts(node)
    for cluster in clusters where try driver.refcount(of: cluster, node) > 0 { return true }
    return false
  }

  /// Takes the marks for damage away where there is none left, and those of programs that know what this one
  /// does not.
  private func markWhole() throws(BlockError) {
    guard header.version >= 3, result.corruptions == 0, result.checkErrors == 0 else { return }
    let before = header
    driver.header.incompatible.subtract([.dirty, .corrupt])
    if fixed.corruptions + fixed.leaks > 0 {
      driver.header.autoclear.formIntersection([.bitmaps, .rawDataFile])
    }
    guard header != before else { return }
    try driver.writeFeatures(node)
    try file.flush()
  }
}

extension ImageCheck {
  /// Whether a cluster has more references than a refcount holds; only looked at where counts are narrow.
  var hasTooMany: Bool {
    guard geometry.refcountOrder < 4 else { return false }
    for range in references.chunkRanges {
      for cluster in range where references[cluster] > geometry.refcountMaximum { return true }
    }
    return false
  }
}
