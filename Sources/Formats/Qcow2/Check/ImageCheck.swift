// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// One check of one image: everything it knows and has counted.
///
/// Tables are read from the file, not from the driver's memory. Memory grows with the file's clusters (two bits
/// each as a rule, where there are references, and one more) and with the number of L2 tables, never with the
/// guest's length.
final class ImageCheck {
  let header: Header
  let geometry: Geometry
  let refcountTable: TableInMemory
  let hasDataFile: Bool
  let file: Edge
  let fileLength: UInt64
  let context: JobContext
  /// The repair that follows, if any, which decides how findings are told.
  let repair: CheckRepair?
  /// Takes findings; nil where they were told before.
  var log: FindingLog?

  var result = CheckResult()
  /// Findings that a repair of everything takes away by changing tables.
  var mendable: UInt64 = 0
  /// Corruptions of the refcount table and of the places of its blocks; part of those in `result`.
  var brokenBlocks: UInt64 = 0
  /// Whether another table than the active L1 table leads there, which was told instead of counted.
  var hasClaimedL1 = false
  /// Whether the refcount table and all blocks have to be made anew.
  var needsRebuild = false
  /// Clusters of the file, and one more where something reaches into the next.
  var clusters: UInt64
  var references: ReferenceCounts
  var singles: SingleReferences
  /// The state of each L2 table, by its host offset.
  var tables: [UInt64: TableState] = [:]
  /// Entries of tables that contradict something and are read again all the same; images that overlap their own
  /// tables could otherwise keep a check busy for ever.
  var repeatBudget: UInt64 = 1 << 24
  /// Bitmaps that a repair has to take out of the directory, by number; nil where all have to go.
  var brokenBitmaps: Set<Int>? = []
  /// The directory of bitmaps, where it can be read.
  var bitmapDirectory: BitmapDirectory?
  let blocks: RefcountBlockReader
  /// Tables and refcount blocks that could not be read, by host offset; each is told once.
  var unreadable: Set<UInt64> = []
  /// Memory for L2 tables while L1 tables are walked.
  lazy var tableRun = TableRun(max(ImageCheck.readBytes, geometry.clusterSize))

  init(
    _ header: Header, _ refcountTable: TableInMemory, _ file: Edge, _ context: JobContext,
    repair: CheckRepair? = nil, _ log: FindingLog? = nil
  ) {
    self.header = header
    self.refcountTable = refcountTable
    geometry = header.geometry
    hasDataFile = header.incompatible.contains(.dataFile)
    self.file = file
    self.context = context
    self.repair = repair
    self.log = log
    fileLength = file.length
    clusters = fileLength.dividedUp(by: header.geometry.clusterSize)
    references = ReferenceCounts(clusters: clusters)
    singles = SingleReferences(clusters: clusters)
    blocks = RefcountBlockReader(refcountTable, header.geometry, file)
  }

  /// Runs all parts, in the order in which findings are told.
  func run() throws(BlockError) -> CheckResult {
    let snapshots = try readSnapshotTable()
    try noteSingles()
    try countReferences(snapshots)
    try compareRefcounts()
    try checkCopiedFlags()
    return result
  }

  /// Counts the references of all tables, which is what refcounts should be.
  func countReferences(_ snapshots: SnapshotTableContent) throws(BlockError) {
    result.totalClusters = geometry.clusters(covering: header.size)
    try addReferences(at: 0, bytes: geometry.clusterSize)
    try walkL1(at: header.l1Offset, size: header.l1Size, isActive: true)
    try walk(snapshots)
    try addRepeatedTables()
    try addRefcountTable()
    try addEncryptionHeader()
    try addBitmaps()
    try addRefcountBlocks()
    try findSharedBitmaps()
    noteSharedRefcountTable()
  }

  /// Tells a finding and counts it; with `canMend`, a repair of everything will take it away.
  func found(_ finding: CheckFinding, canMend: Bool = false) {
    let mends = canMend && repair == .all
    log?.tell(finding, isMended: mends)
    if mends {
      mendable += 1
      return
    }
    switch finding.severity {
    case .corruption: result.corruptions += 1
    case .leak: result.leaks += 1
    case .checkError: result.checkErrors += 1
    }
  }

  /// Tells that something cannot be read, unless that was told before.
  func foundUnreadable(_ offset: UInt64, _ reason: String) {
    if unreadable.insert(offset).inserted { found(.unreadableTable(offset: offset, reason: reason)) }
  }

  /// Everything found so far, which says whether something was in order that lies between two readings of it.
  var findings: UInt64 { result.corruptions + mendable }

  /// Gives up the memory of what was counted, so that another check can begin. Numbers of findings stay.
  func forget() {
    references = ReferenceCounts(clusters: 0)
    singles = SingleReferences(clusters: 0)
    tables = [:]
  }

  /// Tells something that is not a finding of its own.
  func tell(_ line: String) { log?.tell(line) }

  /// Whether a range of the file can be referred to: a file may end inside its last cluster, never before it.
  func isInside(_ offset: UInt64, _ bytes: UInt64) -> Bool {
    guard let end = offset.plus(bytes) else { return false }
    return end <= fileLength || end - fileLength < geometry.clusterSize
  }

  /// Whether a cluster is the header's or the active L1 table's: no other structure can be there. What the table has beyond
  /// the disk's length may only be said to be there.
  func isRoot(_ cluster: UInt64) -> Bool {
    let first = header.l1Offset >> geometry.clusterBits
    let entries = min(UInt64(header.l1Size), geometry.l1Entries(forLength: header.size))
    let count = geometry.clusters(covering: entries * 8)
    return cluster == 0 || (cluster >= first && cluster - first < count)
  }

  /// The entries that a disk of `length` bytes needs, where an L1 table is said to have more and the file lacks those or
  /// something else has them; else nil.
  func l1Size(_ offset: UInt64, _ size: UInt32, forLength length: UInt64) -> UInt32? {
    let needed = max(geometry.l1Entries(forLength: length), 1)
    let bytes = UInt64(size) * 8
    guard geometry.offsetInCluster(offset) == 0, needed * 8 < bytes, bytes <= Qcow2Limits.l1Bytes,
      isInside(offset, needed * 8)
    else { return nil }
    let kept = geometry.clusters(covering: needed * 8) << geometry.clusterBits
    guard !isInside(offset, bytes) || kept < bytes && isShared(offset + kept, bytes - kept) else {
      return nil
    }
    return UInt32(needed)
  }

  /// Counts a reference to each cluster that a range of the file touches.
  func addReferences(at offset: UInt64, bytes: UInt64, count: UInt64 = 1, canMend: Bool = false)
    throws(BlockError)
  {
    guard bytes > 0 else { return }
    guard isInside(offset, bytes) else {
      return found(.pastEnd(offset: offset, bytes: bytes), canMend: canMend)
    }
    let first = offset >> geometry.clusterBits
    let last = (offset + bytes - 1) >> geometry.clusterBits
    for cluster in first...last { try references.add(count, to: cluster) }
    if last >= clusters { clusters = last + 1 }
  }

  /// The header of an encrypted image is in clusters of its own.
  private func addEncryptionHeader() throws(BlockError) {
    guard header.cryptMethod == CryptMethod.luks.rawValue, let data = header.first(.encryption)?.data,
      data.count >= 16
    else { return }
    let buffer = Buffer(data)
    try addReferences(at: buffer.bytes.big64(at: 0), bytes: buffer.bytes.big64(at: 8))
  }
}
