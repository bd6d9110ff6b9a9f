// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The marks in L1 and L2 entries that say "refcount is 1".
struct FlagCheck {
  private let image: CheckedImage
  private let findings: CheckFindings
  private let tables: TableStates
  private let refcounts: RefcountCheck

  init(
    _ image: CheckedImage, _ findings: CheckFindings, _ tables: TableStates, _ refcounts: RefcountCheck
  ) {
    self.image = image
    self.findings = findings
    self.tables = tables
    self.refcounts = refcounts
  }

  /// Looks at the marks of the active tables. L2 tables that the walk found in order are not read again.
  func run() throws(BlockError) {
    var fixed = RepairCount()
    try run(fixing: false, &fixed)
  }

  /// As above; with `fixing`, marks are set right. It does no harm when only some of them reach the file.
  func run(fixing: Bool, _ fixed: inout RepairCount) throws(BlockError) {
    guard image.header.l1Offset < image.fileLength else { return }
    let run = TableRun(image.geometry.clusterSize)
    var position = 0
    while position < Int(image.header.l1Size) {
      let count = min(Int(image.header.l1Size) - position, Int(TableWalk.readBytes) / L1Entry.size)
      let offset = image.header.l1Offset + UInt64(position * L1Entry.size)
      guard offset < image.fileLength else { return }
      let buffer: Buffer
      do throws(BlockError) {
        buffer = try image.file.read(at: offset, count: count * L1Entry.size)
      } catch {
        return findings.foundUnreadable(offset, error.message)
      }
      var bytes = buffer.mutableBytes
      var changed: Range<Int>?
      for index in 0..<count {
        let entry = L1Entry(rawValue: bytes.bytes.big64(at: index * L1Entry.size))
        guard entry.offset != 0 else { continue }
        if isMarkedWrong(entry, at: position + index, fixing: fixing, &fixed), fixing {
          bytes.storeBig(entry.rawValue ^ L2Entry.copiedBit, at: index * L1Entry.size)
          changed = (changed?.lowerBound ?? index * 8)..<index * 8 + 8
        }
        try checkL2(of: entry, run, fixing: fixing, &fixed)
      }
      if let changed { try write(buffer, changed, at: offset) }
      position += count
    }
  }

  private func write(_ buffer: Buffer, _ range: Range<Int>, at offset: UInt64) throws(BlockError) {
    try image.file.write(at: offset + UInt64(range.lowerBound), from: buffer.bytes.slice(range))
  }

  private func foundMark(_ finding: CheckFinding, fixing: Bool, _ fixed: inout RepairCount) {
    guard fixing else { return findings.found(finding) }
    findings.tellMended(finding)
    fixed.corruptions += 1
  }

  private func isMarkedWrong(_ entry: L1Entry, at index: Int, fixing: Bool, _ fixed: inout RepairCount)
    -> Bool
  {
    let cluster = entry.offset >> image.geometry.clusterBits
    guard refcounts.singles[cluster] != entry.isCopied, let refcount = refcount(of: cluster),
      (refcount == 1) != entry.isCopied
    else { return false }
    foundMark(
      .copiedFlagL1(index: index, entry: entry.rawValue, refcount: refcount), fixing: fixing, &fixed)
    return true
  }

  /// A refcount, unless it cannot be read, which is told.
  private func refcount(of cluster: UInt64) -> UInt64? {
    do throws(BlockError) {
      return try refcounts.blocks.refcount(of: cluster)
    } catch {
      findings.foundUnreadable(
        refcounts.blocks.offset(Int(cluster >> image.geometry.refcountBlockBits)), error.message)
      return nil
    }
  }

  private func checkL2(of entry: L1Entry, _ run: TableRun, fixing: Bool, _ fixed: inout RepairCount)
    throws(BlockError)
  {
    guard let state = tables[entry.offset], state.hasWrongFlags else { return }
    // Each reference to a table counts what is wrong in it; it is looked at and told of once.
    if let known = state.wrongFlags {
      if !fixing { findings.countAgain(corruptions: UInt64(known)) }
      return
    }
    // An L2 table that lies on the header or the active L1 table is not changed as if it were one.
    let fixing = fixing && !image.isRoot(entry.offset >> image.geometry.clusterBits)
    try image.context.checkInterrupted()
    if let reason = run.load(entry.offset, image.geometry.clusterSize, from: image.file) {
      return findings.foundUnreadable(entry.offset, reason)
    }
    let buffer = run.buffer
    var bytes = buffer.mutableBytes
    let size = image.geometry.l2EntryBytes
    var changed: Range<Int>?
    var wrong: UInt32 = 0
    for position in 0..<bytes.byteCount / size {
      let entry = L2Entry(rawValue: bytes.bytes.big64(at: position * size))
      guard !entry.isCompressed, entry.offset != 0 || (image.hasDataFile && entry.isCopied) else { continue }
      guard let refcount = image.hasDataFile ? 1 : refcount(of: entry.offset >> image.geometry.clusterBits)
      else {
        continue
      }
      guard (refcount == 1) != entry.isCopied else { continue }
      wrong += 1
      foundMark(.copiedFlagL2(entry: entry.rawValue, refcount: refcount), fixing: fixing, &fixed)
      guard fixing else { continue }
      bytes.storeBig(entry.rawValue ^ L2Entry.copiedBit, at: position * size)
      changed = (changed?.lowerBound ?? position * size)..<position * size + 8
    }
    tables.noteWrongFlags(wrong, at: entry.offset)
    if let changed { try write(buffer, changed, at: entry.offset) }
  }
}
