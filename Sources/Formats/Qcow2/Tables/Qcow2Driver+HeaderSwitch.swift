// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
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
    do throws(BlockError) {
      try writeTableFields(changed, node)
    } catch {
      // It may be there in part: only a second write tells that it is not.
      if (try? writeTableFields(header, node)) == nil { isBroken = true }
      throw error
    }
    header = changed
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
