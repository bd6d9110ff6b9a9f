// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// The bytes of one segment, read by one thread for another.
final class LoadedSegment: @unchecked Sendable {
  // Sendable because a segment is handed on and has one user at a time.
  /// The buffer that holds the bytes; the pool's, to be given back.
  let buffer: Buffer
  /// How many of its bytes are the segment's.
  let count: Int

  init(_ buffer: Buffer, count: Int) {
    self.buffer = buffer
    self.count = count
  }

  /// Reads `range` of `source`.
  init(_ range: Range<UInt64>, of source: any CopySource, _ pool: BufferPool) throws(BlockError) {
    count = Int(range.upperBound - range.lowerBound)
    let buffer = pool.take(count)
    self.buffer = buffer
    var bytes = buffer.mutableBytes
    var part = bytes.slice(0..<count)
    try source.readContent(at: range.lowerBound, into: &part)
  }
}
