// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Buffers of one size that are used again and again, by whichever thread needs one.
final class BufferPool: @unchecked Sendable {
  private let size: Int
  private let monitor = Monitor()
  private var free: [Buffer] = []

  /// - Parameter size: bytes in a buffer.
  init(size: Int) { self.size = size }

  /// A buffer, with whatever is in it.
  func take() -> Buffer { monitor.withLock { free.popLast() } ?? Buffer(count: size) }

  /// Gives a buffer back.
  func put(_ buffer: Buffer) { monitor.withLock { free.append(buffer) } }
}

/// The bytes of one segment, read by one thread for another.
final class LoadedSegment: @unchecked Sendable {
  // Sendable because a segment is handed on and has one user at a time.
  /// What holds the bytes; the pool's, to be given back.
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
    let buffer = pool.take()
    self.buffer = buffer
    var bytes = buffer.mutableBytes
    var part = bytes.slice(0..<count)
    try source.readContent(at: range.lowerBound, into: &part)
  }
}
