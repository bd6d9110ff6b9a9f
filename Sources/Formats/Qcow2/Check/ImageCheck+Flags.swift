// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The marks in L1 and L2 entries that say "refcount is 1".
extension ImageCheck {
  /// Looks at the marks of the active tables. L2 tables that the walk found in order are not read again.
  func checkCopiedFlags() throws(BlockError) {
    guard header.l1Offset < fileLength else { return }
    let run = TableRun(geometry.clusterSize)
    var position = 0
    while position < Int(header.l1Size) {
      let count = min(Int(header.l1Size) - position, Int(ImageCheck.readBytes) / L1Entry.size)
      let offset = header.l1Offset + UInt64(position * L1Entry.size)
      // Whoever walked the table has told that it cannot be read.
      guard offset < fileLength, let buffer = try? file.read(at: offset, count: count * L1Entry.size) else {
        return
      }
      let bytes = buffer.bytes
      for index in 0..<count {
        let entry = L1Entry(rawValue: bytes.big64(at: index * L1Entry.size))
        if entry.offset != 0 { try checkCopied(entry, at: position + index, run) }
      }
      position += count
    }
  }

  private func checkCopied(_ entry: L1Entry, at index: Int, _ run: TableRun) throws(BlockError) {
    let cluster = entry.offset >> geometry.clusterBits
    if singles[cluster] != entry.isCopied, let refcount = try? blocks.refcount(of: cluster),
      (refcount == 1) != entry.isCopied
    {
      found(.copiedFlagL1(index: index, entry: entry.rawValue, refcount: refcount))
    }
    guard let state = tables[entry.offset], state.hasWrongFlags else { return }
    try context.checkInterrupted()
    guard run.load(entry.offset, geometry.clusterSize, from: file) == nil else { return }
    let buffer = run.buffer
    checkCopiedL2(buffer.bytes)
  }

  private func checkCopiedL2(_ bytes: RawSpan) {
    let size = geometry.l2EntryBytes
    for position in 0..<bytes.byteCount / size {
      let entry = L2Entry(rawValue: bytes.big64(at: position * size))
      guard !entry.isCompressed, entry.offset != 0 || (hasDataFile && entry.isCopied) else { continue }
      // A count that cannot be read was told of when counts were compared.
      guard let refcount = hasDataFile ? 1 : try? blocks.refcount(of: entry.offset >> geometry.clusterBits)
      else {
        continue
      }
      if (refcount == 1) != entry.isCopied { found(.copiedFlagL2(entry: entry.rawValue, refcount: refcount)) }
    }
  }
}
