// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// One check of one image: everything it knows and has counted.
///
/// Each object that it is made of is the only one that changes its own state. Tables are read from the file, not from the
/// driver's memory. Memory grows with the file's clusters (two bits each as a rule, where there are references, and one
/// more) and with the number of L2 tables, never with the guest's length.
struct ImageCheck {
  let image: CheckedImage
  let findings: CheckFindings
  let references: FoundReferences
  let refcounts: RefcountCheck
  let snapshots: SnapshotCheck
  let bitmaps: BitmapCheck
  let overlaps: OverlapCheck
  let flags: FlagCheck
  private let tables = TableStates()
  private let tableWalk: TableWalk

  /// - Parameter mendable: findings that were told before, and that a repair of everything takes away.
  init(
    _ header: Header, _ refcountTable: TableInMemory, _ file: Edge, _ context: JobContext,
    repair: CheckRepair? = nil, _ log: FindingLog? = nil, mendable: UInt64 = 0
  ) {
    image = CheckedImage(header, refcountTable, file, context, repair: repair)
    findings = CheckFindings(repair: repair, log, mendable: mendable)
    references = FoundReferences(image, findings)
    refcounts = RefcountCheck(image, findings, references, tables)
    tableWalk = TableWalk(image, findings, references, tables, refcounts)
    snapshots = SnapshotCheck(image, findings, references, tables, tableWalk)
    bitmaps = BitmapCheck(image, findings, references)
    overlaps = OverlapCheck(image, references, tables, snapshots)
    flags = FlagCheck(image, findings, tables, refcounts)
  }

  /// Runs all parts, in the order in which findings are told.
  func run() throws(BlockError) -> CheckResult {
    let content = try snapshots.readTable()
    try refcounts.noteSingles()
    try countReferences(content)
    try refcounts.compare()
    try flags.run()
    return findings.result
  }

  /// Counts the references of all tables, which is what refcounts should be.
  func countReferences(_ content: SnapshotTableContent) throws(BlockError) {
    findings.setTotal(clusters: image.geometry.clusters(covering: image.header.size))
    try references.add(at: 0, bytes: image.geometry.clusterSize)
    try tableWalk.walk(at: image.header.l1Offset, size: image.header.l1Size, isActive: true)
    try snapshots.add(content)
    try tableWalk.addRepeatedTables()
    try refcounts.addTable()
    try addEncryptionHeader()
    try bitmaps.add()
    try refcounts.addBlocks()
    try bitmaps.findShared()
    refcounts.noteSharedTable()
  }

  /// Tells of every refcount that is wrong, and mends what the kind of repair allows.
  func patchRefcounts(_ what: CheckRepair, _ fixed: inout RepairCount) throws(BlockError) {
    try RefcountPatch(image, findings, references, refcounts).run(what, &fixed)
  }

  /// Gives up the memory of what was counted, so that another check can begin. Numbers of findings stay.
  func forget() {
    references.forget()
    refcounts.forget()
    tables.forget()
  }

  /// The header of an encrypted image is in clusters of its own.
  private func addEncryptionHeader() throws(BlockError) {
    guard image.header.cryptMethod == CryptMethod.luks.rawValue,
      let data = image.header.first(.encryption)?.data,
      data.count >= 16
    else { return }
    let buffer = Buffer(data)
    try references.add(at: buffer.bytes.big64(at: 0), bytes: buffer.bytes.big64(at: 8))
  }
}
