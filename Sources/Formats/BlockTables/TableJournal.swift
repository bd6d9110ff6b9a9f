// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Bytes
package import Errors

/// The way of a format with a log for what changes in its tables: past the log, nothing of them is written where it
/// stands.
package protocol TableJournal: Sendable {
  /// Changed parts start at multiples of so many bytes in the file, and are that long: a multiple of 512 that divides the
  /// lengths of tables and bitmaps.
  var unit: UInt64 { get }

  /// Brings changed parts into the file. All that they point to is durable there; they themselves are when the file is
  /// next flushed, and a crash at any moment leaves an image in which some of them have come about, in the order given.
  func write(_ parts: [TablePart], of node: Node) throws(BlockError)

  /// Leaves nothing to be replayed: the file is about to become shorter, or places of tables to serve for something else.
  func settle(_ node: Node) throws(BlockError)
}

/// A changed part of a table, or of a bitmap.
package struct TablePart {
  /// The part's place in the file, in bytes.
  package let offset: UInt64
  private let buffer: Buffer
  private let range: Range<Int>

  /// Makes a part of the bytes of `buffer` in a range.
  package init(at offset: UInt64, _ buffer: Buffer, _ range: Range<Int>) {
    self.offset = offset
    self.buffer = buffer
    self.range = range
  }

  /// The part's bytes.
  package var count: Int { range.count }

  /// Calls `body` with the part's bytes.
  package func withBytes<Failure: Error>(_ body: (RawSpan) throws(Failure) -> Void) throws(Failure) {
    try body(buffer.bytes.slice(range))
  }
}
