// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// The start of an area that is only looked at; bytes behind it read as zeros.
package struct HeadArea: LuksArea {
  private let head: Buffer
  /// Bytes of the whole area.
  package let length: UInt64

  /// Copies what there is of an area of `length` bytes.
  package init(_ head: RawSpan, length: UInt64) {
    self.head = Buffer(copying: head)
    self.length = length
  }

  /// Reads what there is.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    buffer.fill()
    guard offset < UInt64(head.count) else { return }
    let start = Int(offset)
    buffer.copy(head.bytes.slice(start..<min(head.count, start + buffer.byteCount)))
  }

  /// Refuses.
  package func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    throw BlockError(.readOnly, "The header is only looked at")
  }

  /// There is nothing to do.
  package func flush() throws(BlockError) {}
}
