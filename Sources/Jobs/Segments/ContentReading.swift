// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Reads content in segments and hands what is made of them on in the order of the disk; long runs that are known to be
/// zero are passed over unread.
struct ContentReading<Value: Sendable>: Sendable {
  /// A piece of the content; pieces come in order.
  enum Piece: Sendable {
    /// Bytes that read as zero: a number of them that is a multiple of the segment's size.
    case zeroes(UInt64)
    /// The value that `work` made of one segment.
    case value(Value)
  }

  let source: any CopySource
  /// Bytes in a segment; all but the last are whole.
  let segment: UInt64
  let threads: Int

  /// A segment on its way, or a run of zeros; one thread at a time has it.
  private final class Part: @unchecked Sendable {
    let range: Range<UInt64>
    var piece: Piece?

    init(_ range: Range<UInt64>, _ piece: Piece?) {
      self.range = range
      self.piece = piece
    }
  }

  /// Segments that may wait for an earlier one: four for each thread, but no more than there is memory for where each
  /// takes a mebibyte.
  private var capacity: Int { max(2, min(4 * threads, 20)) }

  /// Reads everything; the work is expected already.
  ///
  /// - Parameters:
  ///   - work: makes the value of a segment; called by several threads at once.
  ///   - fold: is given every piece in order, by one thread at a time.
  func run(
    _ context: JobContext,
    work: @escaping @Sendable (Range<UInt64>) throws(BlockError) -> Value,
    fold: @escaping @Sendable (Piece) throws(BlockError) -> Void
  ) throws(BlockError) {
    let walk = Walk(source, segment)
    let scheduler = SegmentScheduler<Part>(
      threads: threads, capacity: capacity, context: context,
      next: { _ throws(BlockError) in
        guard let part = try walk.next() else { return .end }
        return .segment(part, work: part.range.upperBound - part.range.lowerBound)
      },
      stages: [
        .step(.together) { part throws(BlockError) in
          if part.piece == nil { part.piece = .value(try work(part.range)) }
        },
        .step(.inOrder) { part throws(BlockError) in
          if let piece = part.piece { try fold(piece) }
        },
      ])
    try scheduler.run()
  }

  /// Goes through the content from start to end; one thread at a time asks it.
  private final class Walk: @unchecked Sendable {
    private let source: any CopySource
    private let segment: UInt64
    private var position: UInt64 = 0
    private var ahead = ContentAhead()

    init(_ source: any CopySource, _ segment: UInt64) {
      self.source = source
      self.segment = segment
    }

    func next() throws(BlockError) -> Part? {
      guard position < source.length else { return nil }
      let start = position
      let (content, length) = try ahead.content(of: source, at: start)
      let zeroes = content.isRead ? 0 : length.roundedDown(to: segment)
      position = zeroes > 0 ? start + zeroes : min(start + segment, source.length)
      return Part(start..<position, zeroes > 0 ? .zeroes(zeroes) : nil)
    }
  }
}

extension CopySource {
  /// Fills `buffer` with the content from `offset` on; bytes that are known to be zero are not read.
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
