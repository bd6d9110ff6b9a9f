// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// The moment of change: letting the header point to other tables.
extension Qcow2Driver {
  /// Writes everything in the header from the disk's length to the width of refcounts with one write inside one
  /// sector, so that all of it counts or nothing does.
  ///
  /// What the new header needs is in the file already, and durable. When this fails, the header is the present one
  /// as before; where it cannot be known which one it is, the image is not used any further.
  func switchHeader(to changed: Header, _ node: Node) throws(BlockError) {
    if try extendFile(to: newTablesEnd(changed), node) { try barrier(node) }
    do throws(BlockError) {
      try writeTableFields(changed, node)
    } catch {
      // It may be there in part: only a second write tells that it is not.
      if (try? writeTableFields(header, node)) == nil { isBroken = true }
      throw error
    }
    header = changed
  }

  /// Where the tables end that another header points to and the present one does not.
  private func newTablesEnd(_ changed: Header) -> UInt64 {
    var end: UInt64 = 0
    if changed.l1Offset != header.l1Offset, changed.l1Size > 0 {
      end = changed.l1Offset + UInt64(changed.l1Size) * UInt64(L1Entry.size)
    }
    if changed.refcountTableOffset != header.refcountTableOffset {
      let bytes = UInt64(changed.refcountTableClusters) << geometry.clusterBits
      end = max(end, changed.refcountTableOffset + bytes)
    }
    return end
  }

  private func writeTableFields(_ header: Header, _ node: Node) throws(BlockError) {
    let area = Buffer(count: header.fieldBytes)
    var bytes = area.mutableBytes
    header.writeFields(to: &bytes)
    let range = Header.Field.size..<(header.version < 3 ? Header.sizeV2 : Header.Field.headerLength)
    try file(of: node).write(at: UInt64(range.lowerBound), from: area.bytes.slice(range))
  }
}

extension Header {
  /// Points to another L1 table.
  mutating func use(_ l1: TableInMemory) {
    l1Size = UInt32(l1.count)
    l1Offset = l1.offset
  }
}
