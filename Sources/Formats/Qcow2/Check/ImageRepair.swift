// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// One repair of one image.
///
/// 1. Tables lose what contradicts the specification. Nothing that could be read depends on it.
/// 2. Refcounts become the number of references that are left, in place or in new blocks.
/// 3. Marks for "refcount is 1" follow them, then the snapshot table, where it changes, gets a new place.
/// 4. Once nothing is wrong any more, the image is marked as whole.
///
/// Each step is durable before the next, and each leaves an image that another repair can go on with.
struct ImageRepair {
  private let mapping: MappingTables
  private let allocator: ClusterAllocator
  private let store: HeaderStore
  private let guardian: OverlapGuard
  private let snapshots: SnapshotStore
  private let bitmaps: BitmapStore
  private let file: Edge
  private let what: CheckRepair
  private let context: JobContext
  private let log: FindingLog
  private var fixed = RepairCount()
  private var result = CheckResult()
  /// More rounds are not tried: a mended entry can only in odd cases be wrong in another way.
  private static let rounds = 4

  init(
    _ snapshots: SnapshotStore, _ bitmaps: BitmapStore, _ file: Edge, _ what: CheckRepair,
    _ context: JobContext, _ log: FindingLog
  ) {
    self.snapshots = snapshots
    self.bitmaps = bitmaps
    mapping = snapshots.mapping
    allocator = snapshots.allocator
    store = snapshots.header
    guardian = snapshots.guardian
    self.file = file
    self.what = what
    self.context = context
    self.log = log
  }

  /// Looks at everything and mends it.
  mutating func run(_ held: borrowing Held) throws(BlockError) -> CheckResult {
    let headerEnd = geometry.clusterSize
    guard header.l1Offset >= headerEnd || header.l1Size == 0 else {
      throw BlockError(.corrupt, "the L1 table lies on the header: this cannot be repaired")
    }
    var content = SnapshotTableContent()
    var check = try count(&content)
    result = check.findings.result
    result.corruptions -= check.refcounts.brokenBlocks
    let toldBlocks = check.refcounts.brokenBlocks
    // A table that could not be read hides its references: their clusters would count as lost.
    guard check.findings.result.checkErrors == 0 else { return finish(adding: toldBlocks) }
    if what == .all { check = try mendTables(check, &content, held) }
    guard try mendRefcounts(check, toldBlocks, held) else { return finish(adding: 0) }
    let counted = try mendMarks(check, content)
    if content.isMended,
      try moveSnapshotTable(content, leaving: crowdedClusters(of: content, counted.references), held)
    {
      // A cluster that the old table shared may have one reference now.
      let moved = try ImageCheck(header, allocator.refcounts.table, file, context).snapshots.readTable()
      _ = try mendMarks(check, moved)
    }
    try file.flush()
    try markWhole(held)
    return finish(adding: 0)
  }

  /// Counts the references of all tables. `content` gets the snapshots, without those whose L1 offsets lead onto
  /// something else: nothing there is theirs.
  private func count(_ content: inout SnapshotTableContent) throws(BlockError) -> ImageCheck {
    var check = ImageCheck(header, allocator.refcounts.table, file, context, repair: what, log)
    content = try check.snapshots.readTable()
    let toldBefore = check.findings.mendable
    log.holdBack()
    defer { log.letGo() }
    try check.refcounts.noteSingles()
    try check.countReferences(content)
    guard check.findings.result.checkErrors == 0 else { return check }
    guard try !check.overlaps.hasMisplacedL1(content.entries) else {
      log.takeBack()
      throw BlockError(
        .corrupt, "l1_offset=0x\(hex(header.l1Offset)) leads to no L1 table: this cannot be repaired")
    }
    let misplaced = what == .all ? try check.overlaps.misplacedSnapshots(content.entries) : []
    guard !misplaced.isEmpty else { return check }
    log.takeBack()
    check.forget()
    check = ImageCheck(
      header, allocator.refcounts.table, file, context, repair: what, log, mendable: toldBefore)
    var kept: [SnapshotEntry] = []
    for (index, entry) in content.entries.enumerated() {
      if misplaced.contains(index) { check.snapshots.foundMisplaced(entry) } else { kept.append(entry) }
    }
    content.entries = kept
    content.isMended = true
    try check.refcounts.noteSingles()
    try check.countReferences(content)
    return check
  }

  private mutating func finish(adding corruptions: UInt64) -> CheckResult {
    result.corruptions += corruptions
    result.corruptionsFixed = fixed.corruptions
    result.leaksFixed = fixed.leaks
    return result
  }

  // MARK: Tables

  /// Mends tables until nothing is found that can be mended; a check that has counted what is left.
  private mutating func mendTables(
    _ first: ImageCheck, _ content: inout SnapshotTableContent, _ held: borrowing Held
  ) throws(BlockError)
    -> ImageCheck
  {
    var check = first
    for _ in 0..<ImageRepair.rounds {
      guard check.findings.mendable > 0 || check.references.hasTooMany else { break }
      if try trimL1Tables(&content, check, held) {
        try recount(&check, content, repair: what)
      }
      let kept = content.entries.filter { check.snapshots.isWhole($0) }
      if kept.count != content.entries.count { content.isMended = true }
      content.entries = kept
      if !check.image.isInside(header.snapshotsOffset, content.bytes) {
        // The part of the table that the file has stays as it is until there is another table.
        let isThere = header.snapshotsOffset < check.image.fileLength
        content.bytes = isThere ? check.image.fileLength - header.snapshotsOffset : 0
        content.entries.removeAll { $0.isBlank }
        content.isMended = true
      }
      // If another structure lies in the snapshot table, mending that structure changes the table.
      if check.references.isShared(header.snapshotsOffset, content.bytes) { content.isMended = true }
      var mender = TableMender(check)
      try mender.run(content)
      try bitmaps.dropBroken(check, held)
      try file.flush()
      if let place = mender.newL1 { try moveL1(to: place, held) }
      // If another structure lies in the refcount table, mending it may have changed the table.
      try readRefcountTable()
      try recount(&check, content, repair: what)
    }
    fixed.corruptions += first.findings.mendable
    result.corruptions += check.findings.mendable
    result.checkErrors += check.findings.result.checkErrors
    check.findings.tellFurther(to: log)
    return check
  }

  /// Looks at an image anew that was changed, which the check before knew.
  private func recount(_ check: inout ImageCheck, _ content: SnapshotTableContent, repair: CheckRepair? = nil)
    throws(BlockError)
  {
    check.forget()
    check = ImageCheck(header, allocator.refcounts.table, file, context, repair: repair)
    try check.refcounts.noteSingles()
    try check.countReferences(content)
  }

  /// Takes from L1 tables what they have beyond the lengths of their disks where the file lacks it or something else has it:
  /// only a wrong number makes that theirs, and it is not to be mended as theirs. Whether there was any.
  private func trimL1Tables(
    _ content: inout SnapshotTableContent, _ check: ImageCheck, _ held: borrowing Held
  ) throws(BlockError) -> Bool {
    var isTrimmed = false
    for index in content.entries.indices {
      let entry = content.entries[index]
      let length = entry.diskSize ?? header.size
      guard let size = check.overlaps.l1Size(entry.l1Offset, entry.l1Size, forLength: length) else {
        continue
      }
      content.entries[index].l1Size = size
      content.isMended = true
      isTrimmed = true
    }
    if let size = check.overlaps.l1Size(header.l1Offset, header.l1Size, forLength: header.size) {
      try store.switchTables(held) { $0.l1Size = size }
      try file.flush()
      guardian.forget()
      isTrimmed = true
    }
    return isTrimmed
  }

  /// Lets the header point to another active L1 table, which is durable.
  private mutating func moveL1(to place: UInt64, _ held: borrowing Held) throws(BlockError) {
    try store.switchTables(held) { $0.l1Offset = place }
    try file.flush()
    guardian.forget()
  }

  private var header: Header { store.current }
  private var geometry: Geometry { allocator.geometry }

  // MARK: Refcounts

  /// Sets refcounts right; false where that is not allowed or not possible.
  private mutating func mendRefcounts(
    _ check: ImageCheck, _ brokenBlocks: UInt64, _ held: borrowing Held
  ) throws(BlockError) -> Bool {
    guard result.checkErrors == 0 else { return true }
    let before = check.findings.result
    try check.refcounts.compare()
    result.imageEndOffset = check.findings.result.imageEndOffset
    let corruptions = check.findings.result.corruptions - before.corruptions
    if check.refcounts.needsRebuild {
      guard what == .all else {
        log.tell("ERROR need to rebuild refcount structures")
        result.isUnrepairable = true
        return false
      }
      log.tell("Rebuilding refcount structure")
      try rebuild(check, held)
      fixed.corruptions += corruptions + brokenBlocks
      fixed.leaks += check.findings.result.leaks
      return true
    }
    result.corruptions += brokenBlocks
    guard corruptions + check.findings.result.leaks + fixed.corruptions > 0 else { return true }
    let compared = check.findings.result
    try check.patchRefcounts(what, &fixed)
    result.corruptions += check.findings.result.corruptions - compared.corruptions
    try file.flush()
    return true
  }

  private mutating func rebuild(_ check: ImageCheck, _ held: borrowing Held) throws(BlockError) {
    var rebuild = RefcountRebuild(check)
    let table = try rebuild.run()
    try store.switchTables(held) {
      $0.refcountTableOffset = table.offset
      $0.refcountTableClusters = table.clusters
    }
    try file.flush()
    rebuild.tellOld()
    try readRefcountTable()
    allocator.searchAnew()
  }

  private mutating func readRefcountTable() throws(BlockError) {
    let bytes = Int(header.refcountTableClusters) << Int(geometry.clusterBits)
    allocator.reread(
      try TableInMemory(
        offset: header.refcountTableOffset, count: bytes / RefcountTableEntry.size, from: file))
  }

  // MARK: Marks, snapshots, features

  /// Sets the marks right; the check that has counted the references as they are now.
  private mutating func mendMarks(_ check: ImageCheck, _ snapshots: SnapshotTableContent) throws(BlockError)
    -> ImageCheck
  {
    var check = check
    if fixed.corruptions + fixed.leaks > 0 {
      try recount(&check, snapshots)
      check.findings.tellFurther(to: log)
    }
    let before = check.findings.result.corruptions
    let mayFix = what == .all || result.corruptions == 0
    try check.flags.run(fixing: mayFix, &fixed)
    result.corruptions += check.findings.result.corruptions - before
    result.checkErrors += check.findings.result.checkErrors
    try file.flush()
    return check
  }

  /// The clusters of the snapshot table that have more references than a refcount holds: with one less, they have as many as
  /// they are counted to have, or more.
  private func crowdedClusters(of content: SnapshotTableContent, _ references: FoundReferences) -> Set<UInt64>
  {
    guard content.bytes > 0, references.hasTooMany else { return [] }
    let first = header.snapshotsOffset >> geometry.clusterBits
    let clusters = first..<first + geometry.clusters(covering: content.bytes)
    return Set(clusters.filter { references[$0] > geometry.refcountMaximum })
  }

  /// Writes the snapshots that are left to a new place, and lets the header point there.
  ///
  /// - Parameter crowded: clusters of the old table whose counts stay as they are.
  /// - Returns: whether something else is in the clusters of the old table too.
  private mutating func moveSnapshotTable(
    _ content: SnapshotTableContent, leaving crowded: Set<UInt64>, _ held: borrowing Held
  ) throws(BlockError) -> Bool {
    let mended = content.named
    mapping.use(try TableInMemory(offset: header.l1Offset, count: Int(header.l1Size), from: file))
    // Their old table is safe from being overwritten: it is counted.
    snapshots.use([])
    guardian.forget()
    let first = header.snapshotsOffset >> geometry.clusterBits
    let place = try snapshots.place(mended, held)
    try allocator.write(held)
    try file.flush()
    let moved = SnapshotTablePlace(entries: mended, clusters: place.clusters)
    try store.switchTables(held) { $0.use(moved, geometry) }
    try file.flush()
    snapshots.use(mended)
    // A table that lies past the end of the file has no clusters.
    guard content.bytes > 0 else { return false }
    let clusters = first..<first + geometry.clusters(covering: content.bytes)
    if crowded.isEmpty {
      try allocator.free(clusters, .other, held)
    } else {
      for cluster in clusters where !crowded.contains(cluster) {
        try allocator.free(cluster..<cluster + 1, .other, held)
      }
    }
    try allocator.write(held)
    for cluster in clusters where try allocator.count(of: cluster, held) > 0 { return true }
    return false
  }

  /// Takes the marks for damage away where there is none left, and those of programs that know what this one
  /// does not.
  private mutating func markWhole(_ held: borrowing Held) throws(BlockError) {
    guard header.version >= 3, result.corruptions == 0, result.checkErrors == 0 else { return }
    let isFixed = fixed.corruptions + fixed.leaks > 0
    let isChanged = try store.setFeatures(held) {
      $0.incompatible.subtract([.dirty, .corrupt])
      if isFixed { $0.autoclear.formIntersection([.bitmaps, .rawDataFile]) }
    }
    if isChanged { try file.flush() }
  }
}
