// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension MutableRawSpan {
  /// Calls `body` with each part of the span that lies in one block, where the span's first byte is the one at `offset` of
  /// something that is counted in blocks of `size` bytes: with the block's offset, and the part's range in it.
  @_lifetime(self: copy self)
  package mutating func forEachBlock<Failure: Error>(
    of size: UInt64, from offset: UInt64,
    _ body: (UInt64, Range<Int>, inout MutableRawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    var done = 0
    while done < byteCount {
      let position = offset + UInt64(done)
      let inside = Int(position % size)
      let count = min(byteCount - done, Int(size) - inside)
      var part = slice(done..<done + count)
      try body(position - UInt64(inside), inside..<inside + count, &part)
      done += count
    }
  }
}
