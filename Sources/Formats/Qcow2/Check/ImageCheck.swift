// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

extension Qcow2Driver: CheckingDriver {
  /// Reads every table once, counts all references and compares them with the refcounts.
  func check(_ node: Node, _ context: JobContext, report: (String) -> Void) throws(BlockError) -> CheckResult
  {
    let file = try file(of: node)
    return try withoutActuallyEscaping(report) { (report: @escaping (String) -> Void) throws(BlockError) in
      let check = ImageCheck(self, file, context, report)
      return try check.run()
    }
  }
}

/// One check of one image: everything it knows and has counted.
///
/// Tables are read from the file, not from the driver's memory. Memory grows with the file's clusters (two bytes
/// each, where there are references) and with the number of L2 tables, never with the guest's length.
final class ImageCheck {
  let header: Header
  let geometry: Geometry
  let refcountTable: TableInMemory
  let hasDataFile: Bool
  let file: Edge
  let fileLength: UInt64
  let context: JobContext
  private let report: (String) -> Void

  var result = CheckResult()
  /// Clusters of the file, and one more where something reaches into the next.
  var clusters: UInt64
  var references: ReferenceCounts
  var singles: SingleReferences
  /// What became of each L2 table, by its host offset.
  var tables: [UInt64: TableState] = [:]
  /// Entries of tables that contradict something and are read again all the same; images that overlap their own
  /// tables could otherwise keep a check busy for ever.
  var repeatBudget: UInt64 = 1 << 24
  let blocks: RefcountBlockReader

  init(_ driver: Qcow2Driver, _ file: Edge, _ context: JobContext, _ report: @escaping (String) -> Void) {
    header = driver.header
    geometry = driver.geometry
    refcountTable = driver.refcounts.table
    hasDataFile = driver.hasDataFile
    self.file = file
    self.context = context
    self.report = report
    fileLength = file.length
    clusters = fileLength.dividedUp(by: driver.geometry.clusterSize)
    references = ReferenceCounts(clusters: clusters)
    singles = SingleReferences(clusters: clusters)
    blocks = RefcountBlockReader(refcountTable, driver.geometry, file)
  }

  /// Runs all parts, in the order in which findings are told.
  func run() throws(BlockError) -> CheckResult {
    result.totalClusters = geometry.clusters(covering: header.size)
    let snapshots = try readSnapshotTable()
    try noteSingles()
    try countReferences(snapshots)
    try compareRefcounts()
    try checkCopiedFlags()
    return result
  }

  /// Counts the references of all tables, which is what refcounts should be.
  func countReferences(_ snapshots: SnapshotTableContent) throws(BlockError) {
    try addReferences(at: 0, bytes: geometry.clusterSize)
    try walkL1(at: header.l1Offset, size: header.l1Size, isActive: true)
    try walk(snapshots)
    try addRepeatedTables()
    try addReferences(at: header.refcountTableOffset, bytes: refcountTable.byteCount)
    try addEncryptionHeader()
    try addBitmaps()
    try addRefcountBlocks()
  }

  /// Tells a finding and counts it.
  func found(_ finding: CheckFinding) {
    report(finding.description)
    switch finding.severity {
    case .corruption: result.corruptions += 1
    case .leak: result.leaks += 1
    case .checkError: result.checkErrors += 1
    }
  }

  /// Tells something that is not a finding of its own.
  func tell(_ line: String) { report(line) }

  /// Counts a reference to each cluster that a range of the file touches.
  func addReferences(at offset: UInt64, bytes: UInt64, count: UInt64 = 1) throws(BlockError) {
    guard bytes > 0 else { return }
    // A file may end inside its last cluster, never before it.
    guard let end = offset.plus(bytes), end <= fileLength || end - fileLength < geometry.clusterSize else {
      return found(.pastEnd(offset: offset, bytes: bytes))
    }
    let first = offset >> geometry.clusterBits
    let last = (end - 1) >> geometry.clusterBits
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
