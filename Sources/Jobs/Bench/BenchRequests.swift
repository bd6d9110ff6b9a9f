// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Host

/// What is sent to the image at once; one thread at a time has it.
enum BenchRequest: @unchecked Sendable {
  /// Read to, or write from, a buffer at this offset.
  case transfer(UInt64, Buffer)
  /// Make everything durable.
  case flush
}

/// Which request comes next; one thread at a time asks it.
final class BenchRequests: @unchecked Sendable {
  private let options: BenchOptions
  private let length: UInt64
  private let bufferSize: Int
  /// For each slot, the memory of its requests, from when it is first needed.
  private var buffers: [Buffer?]
  private var offset: UInt64
  private var sent: UInt64 = 0
  private var isFlushDue = false

  /// Requests to an image that is `length` bytes long.
  init(_ options: BenchOptions, length: UInt64, slots: Int, bufferSize: Int) {
    self.options = options
    self.length = length
    self.bufferSize = bufferSize
    buffers = Array(repeating: nil, count: slots)
    offset = options.offset
  }

  func next(_ slot: Int) -> SegmentScheduler<BenchRequest>.Next {
    if isFlushDue {
      isFlushDue = false
      return options.drains ? .barrier(.flush) : .segment(.flush, work: 0)
    }
    guard sent < options.count else { return .end }
    let place = offset
    offset = offset &+ options.step
    if length > 0 { offset %= length }
    sent += 1
    if options.flushInterval > 0, sent % options.flushInterval == 0 { isFlushDue = true }
    return .segment(.transfer(place, buffer(of: slot)), work: 0)
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
