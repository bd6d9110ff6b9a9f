// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Host

/// The requests that one thread sends to the image; one thread at a time has them.
enum BenchRequest: @unchecked Sendable {
  /// Read to, or write from, a buffer at the offsets of a run, one after the other.
  case transfers(BenchRun, Buffer)
  /// Make everything durable.
  case flush
}

/// Offsets one step apart, on a disk where the first follows the last.
struct BenchRun: Sequence, IteratorProtocol, Sendable {
  /// The offset that comes next.
  private(set) var offset: UInt64
  fileprivate var left: UInt64
  fileprivate let step: UInt64
  /// Bytes of the disk.
  fileprivate let length: UInt64

  mutating func next() -> UInt64? {
    guard left > 0 else { return nil }
    left -= 1
    defer {
      offset = offset &+ step
      if length > 0 { offset %= length }
    }
    return offset
  }
}

/// The requests that are left to be sent, handed out in order; one thread at a time asks for them.
final class BenchRequests: @unchecked Sendable {
  private let options: BenchOptions
  private let bufferSize: Int
  /// How many requests a thread gets at once, at most: handing each out takes longer than some take themselves.
  private let runLength: UInt64
  /// For each slot, the memory of its requests, from when it is first needed.
  private var buffers: [Buffer?]
  /// All that are left.
  private var rest: BenchRun
  private var isFlushDue = false

  /// Requests to an image that is `length` bytes long.
  init(_ options: BenchOptions, length: UInt64, slots: Int, bufferSize: Int) {
    self.options = options
    self.bufferSize = bufferSize
    runLength = max(1, min(16, options.count / UInt64(slots) / 4))
    buffers = Array(repeating: nil, count: slots)
    rest = BenchRun(offset: options.offset, left: options.count, step: options.step, length: length)
  }

  func next(_ slot: Int) -> SegmentScheduler<BenchRequest>.Next {
    if isFlushDue {
      isFlushDue = false
      return options.drains ? .barrier(.flush) : .segment(.flush, work: 0)
    }
    guard rest.left > 0 else { return .end }
    var run = rest
    run.left = min(runLength, rest.left)
    if options.flushInterval > 0 {
      let sinceFlush = (options.count - rest.left) % options.flushInterval
      run.left = min(run.left, options.flushInterval - sinceFlush)
      isFlushDue = sinceFlush + run.left == options.flushInterval
    }
    for _ in 0..<run.left { _ = rest.next() }
    return .segment(.transfers(run, buffer(of: slot)), work: 0)
  }

  private func buffer(of slot: Int) -> Buffer {
    if let buffer = buffers[slot] { return buffer }
    let buffer = Buffer(count: bufferSize)
    if options.isWrite {
      var bytes = buffer.mutableBytes
      bytes.fill(options.pattern)
    }
    buffers[slot] = buffer
    return buffer
  }
}
