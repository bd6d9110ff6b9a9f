// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The marks in L1 and L2 entries that say "refcount is 1".
extension ImageCheck {
  /// Looks at the marks of the active tables. L2 tables that the walk found in order are not read again.
  func checkCopiedFlags() throws(BlockError) {
    var fixed = RepairCount()
    try checkCopiedFlags(fixing: false, &fixed)
  }

  /// As above; with `fixing`, marks are set right. It does no harm when only some of them reach the file.
  func checkCopiedFlags(fixing: Bool, _ fixed: inout RepairCount) throws(BlockError) {
    guard header.l1Offset < fileLength else { return }
    let run = TableRun(geometry.clusterSize)
    var position = 0
    while position < Int(header.l1Size) {
      let count = min(Int(header.l1Size) - position, Int(ImageCheck.readBytes) / L1Entry.size)
      let offset = header.l1Offset + UInt64(position * L1Entry.size)
      guard offset < fileLength else { return }
      let buffer: Buffer
      do throws(BlockError) {
        buffer = try file.read(at: offset, count: count * L1Entry.size)
      } catch {
        return foundUnreadable(offset, error.message)
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
    try file.write(at: offset + UInt64(range.lowerBound), from: buffer.bytes.slice(range))
  }

  private func foundMark(_ finding: CheckFinding, fixing: Bool, _ fixed: inout RepairCount) {
    guard fixing else { return found(finding) }
    log?.tell(finding, isMended: true)
    fixed.corruptions += 1
  }

  private func isMarkedWrong(_ entry: L1Entry, at index: Int, fixing: Bool, _ fixed: inout RepairCount)
    -> Bool
  {
    let cluster = entry.offset >> geometry.clusterBits
    guard singles[cluster] != entry.isCopied, let refcount = refcount(of: cluster),
      (refcount == 1) != entry.isCopied
    else { return false }
    foundMark(
      .copiedFlagL1(index: index, entry: entry.rawValue, refcount: refcount), fixing: fixing, &fixed)
    return true
  }

  /// A refcount, unless it cannot be read, which is told.
  private func refcount(of cluster: UInt64) -> UInt64? {
    do throws(BlockError) {
      return try blocks.refcount(of: cluster)
    } catch {
      foundUnreadable(blocks.offset(Int(cluster >> geometry.refcountBlockBits)), error.message)
      return nil
    }
  }

  private func checkL2(of entry: L1Entry, _ run: TableRun, fixing: Bool, _ fixed: inout RepairCount)
    throws(BlockError)
  {
    guard let state = tables[entry.offset], state.hasWrongFlags else { return }
    // Each reference to a table counts what is wrong in it; it is looked at and told of once.
    if let known = state.wrongFlags {
      if !fixing { result.corruptions += UInt64(known) }
      return
    }
    // An L2 table that lies on the header or the active L1 table is not changed as if it were one.
    let fixing = fixing && !isRoot(entry.offset >> geometry.clusterBits)
    try context.checkInterrupted()
    if let reason = run.load(entry.offset, geometry.clusterSize, from: file) {
      return foundUnreadable(entry.offset, reason)
    }
    let buffer = run.buffer
    var bytes = buffer.mutableBytes
    let size = geometry.l2EntryBytes
    var changed: Range<Int>?
    var wrong: UInt32 = 0
    for position in 0..<bytes.byteCount / size {
      let entry = L2Entry(rawValue: bytes.bytes.big64(at: position * size))
      guard !entry.isCompressed, entry.offset != 0 || (hasDataFile && entry.isCopied) else { continue }
      guard let refcount = hasDataFile ? 1 : refcount(of: entry.offset >> geometry.clusterBits) else {
        continue
      }
      guard (refcount == 1) != entry.isCopied else { continue }
      wrong += 1
      foundMark(.copiedFlagL2(entry: entry.rawValue, refcount: refcount), fixing: fixing, &fixed)
      guard fixing else { continue }
      bytes.storeBig(entry.rawValue ^ L2Entry.copiedBit, at: position * size)
      changed = (changed?.lowerBound ?? position * size)..<position * size + 8
    }
    tables[entry.offset]?.wrongFlags = wrong
    if let changed { try write(buffer, changed, at: entry.offset) }
  }
}
