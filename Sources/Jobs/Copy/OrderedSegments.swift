// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Reads content in segments by a fixed number of threads and hands what they make of it on in the order of the
/// disk; long runs that are known to be zero are passed over unread.
final class OrderedSegments<Value: Sendable>: @unchecked Sendable {
  /// What comes next.
  enum Piece: Sendable {
    /// Bytes that read as zero: a number of them that is a multiple of the segment's size.
    case zeroes(UInt64)
    /// What was made of one segment.
    case value(Value)
  }

  /// Segments that may wait for an earlier one: four for each thread, but no more than there is memory for where each
  /// takes a mebibyte.
  private static func ahead(_ threads: Int) -> Int { max(2, min(4 * threads, 20)) }

  private let source: any CopySource
  private let segment: UInt64
  private let threads: Int
  private let ahead: Int
  private let context: JobContext
  private let work: @Sendable (Range<UInt64>) throws(BlockError) -> Value
  private let fold: @Sendable (Piece) throws(BlockError) -> Void

  private let monitor = Monitor()
  // All below under the monitor's lock.
  private var position: UInt64 = 0
  private var taken = 0
  private var folded = 0
  private var waiting: [Int: (piece: Piece, length: UInt64)] = [:]
  private var isFolding = false
  private var failure: BlockError?

  /// - Parameters:
  ///   - segment: bytes in a segment; all but the last are whole.
  ///   - work: what is made of a segment; called by several threads at once.
  ///   - fold: is given every piece in order, by one thread at a time.
  init(
    of source: any CopySource, segment: UInt64, threads: Int, context: JobContext,
    work: @escaping @Sendable (Range<UInt64>) throws(BlockError) -> Value,
    fold: @escaping @Sendable (Piece) throws(BlockError) -> Void
  ) {
    self.source = source
    self.segment = segment
    ahead = Self.ahead(threads)
    self.threads = min(threads, ahead)
    self.context = context
    self.work = work
    self.fold = fold
  }

  /// Reads everything; returns when all is handed on or something failed, and every thread has ended.
  func run() throws(BlockError) {
    try Threads.run(threads) { _ throws(BlockError) in self.take() }
    if let failure { throw failure }
  }

  private func take() {
    do throws(BlockError) {
      while let task = try nextTask() {
        try context.checkInterrupted()
        try hand(.value(try work(task.range)), task.range.upperBound - task.range.lowerBound, task.number)
      }
    } catch {
      monitor.withLock {
        if failure == nil { failure = error }
        monitor.notifyAll()
      }
    }
  }

  /// The next segment that has to be read, or nil.
  private func nextTask() throws(BlockError) -> (range: Range<UInt64>, number: Int)? {
    while true {
      monitor.lock()
      while failure == nil, taken - folded >= ahead { monitor.wait() }
      guard failure == nil, position < source.length else {
        monitor.unlock()
        return nil
      }
      let number = taken
      taken += 1
      let start = position
      let zeroes: UInt64
      do throws(BlockError) {
        zeroes = try zeroLength()
      } catch {
        monitor.unlock()
        throw error
      }
      position = zeroes > 0 ? start + zeroes : min(start + segment, source.length)
      let end = position
      monitor.unlock()
      if zeroes == 0 { return (start..<end, number) }
      try context.checkInterrupted()
      try hand(.zeroes(zeroes), zeroes, number)
    }
  }

  /// How many whole segments' bytes are known to be zero from the position on. Under the lock.
  private func zeroLength() throws(BlockError) -> UInt64 {
    let (content, length) = try source.content(at: position, length: source.length - position)
    return content.isRead ? 0 : length.roundedDown(to: segment)
  }

  /// Hands a piece on, and those behind it that waited for it.
  private func hand(_ piece: Piece, _ length: UInt64, _ number: Int) throws(BlockError) {
    monitor.lock()
    waiting[number] = (piece, length)
    guard !isFolding else { return monitor.unlock() }
    isFolding = true
    defer {
      isFolding = false
      monitor.notifyAll()
      monitor.unlock()
    }
    while failure == nil, let next = waiting.removeValue(forKey: folded) {
      try unlocked { () throws(BlockError) in
        try fold(next.piece)
        context.advance(next.length)
      }
      folded += 1
      monitor.notifyAll()
    }
  }

  /// Does something without the lock, which is held before and after.
  private func unlocked(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    monitor.unlock()
    defer { monitor.lock() }
    try body()
  }
}

extension CopySource {
  /// Fills `buffer` with the content from `offset` on; what is known to be zero is not read.
  ///
  /// - Returns: whether any of it had to be read; otherwise all of it is zero.
  @discardableResult
  func readContent(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) -> Bool {
    var done = 0
    var hasData = false
    while done < buffer.byteCount {
      let position = offset + UInt64(done)
      let (content, length) = try content(at: position, length: UInt64(buffer.byteCount - done))
      let count = Int(length)
      var part = buffer.slice(done..<done + count)
      if content.isRead {
        try read(at: position, into: &part)
        hasData = true
      } else {
        part.fill()
      }
      done += count
    }
    return hasData
  }
}
