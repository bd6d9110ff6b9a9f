// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Copies content in segments: read and tested in parallel, given their places in the order of the disk, written while
/// others are read. The target's bytes do not depend on the number of threads.
struct ContentCopy: Sendable {
  /// Bytes read and written at once: bytes that stay in a core's cache are copied fastest.
  static let segmentSize: UInt64 = 256 << 10
  /// Bytes read at once where more are decoded at once, at most.
  private static let largestSegment: UInt64 = 1 << 20
  /// Segments under way for each thread: enough to go on while another thread's segment is being compressed.
  private static let segmentsPerThread: UInt64 = 4
  /// Memory in bytes that the segments under way may take together, where two of them do not take more.
  private static let memory: UInt64 = 16 << 20

  private let source: any CopySource
  private let target: CopyTarget
  private let context: JobContext
  private let pace: Pace?
  private let unit: UInt64
  private let threads: Int
  private let capacity: Int
  private let compressors: CompressorPool?

  init(
    from source: any CopySource, to target: CopyTarget, threads: Int, rateLimit: UInt64?, context: JobContext
  ) {
    self.source = source
    self.target = target
    self.context = context
    self.threads = threads
    pace = rateLimit.map { Pace(bytesPerSecond: $0) }
    // Whole granules, which need be no power of two.
    let wanted = max(ContentCopy.segmentSize, min(source.unit, ContentCopy.largestSegment))
    let segment = wanted.roundedUp(to: target.granule) ?? target.granule
    unit = max(segment, target.zeroUnit)
    let segments = ContentCopy.memory / (target.compressionUnit == nil ? unit : 2 * unit)
    capacity = Int(max(2, min(UInt64(threads) * ContentCopy.segmentsPerThread, segments)))
    compressors = target.compressionUnit == nil ? nil : CompressorPool(target.edge)
  }

  /// Copies everything; returns when all is written or something failed and every thread has ended.
  ///
  /// - Parameter isLast: whether the job's work is done with that.
  func run(isLast: Bool = true) throws(BlockError) {
    context.expect(source.length)
    let walk = CopyWalk(source, target, unit: unit, capacity: capacity)
    let scheduler = SegmentScheduler<CopyBatch>(
      threads: threads, capacity: capacity, context: context,
      next: { slot throws(BlockError) in try walk.next(slot) }, stages: stages,
      drop: { batch in batch.abandon() })
    try scheduler.run()
    if isLast { context.finish() }
  }

  private var stages: [SegmentStage<CopyBatch>] {
    var stages: [SegmentStage<CopyBatch>] = [
      .step(.together) { batch throws(BlockError) in
        try pace?.wait(for: batch.length, context)
        try fill(batch)
      }
    ]
    guard !target.isOrdered else {
      let put = SegmentStage<CopyBatch>.step(.inOrder) { batch throws(BlockError) in
        try target.allocate(batch)
        try target.write(batch, from: source)
      }
      return stages + [put]
    }
    stages.append(.step(.inOrder) { batch throws(BlockError) in try target.allocate(batch) })
    if target.edge.encrypts {
      stages.append(.step(.together) { batch throws(BlockError) in try target.encrypt(batch) })
    }
    // One writer at a time: the file system would make a second one wait, at the cost of its processor.
    stages.append(.step(.singly) { batch throws(BlockError) in try target.write(batch, from: source) })
    return stages
  }

  // MARK: Filling

  /// Reads a segment and sorts what it holds.
  private func fill(_ batch: CopyBatch) throws(BlockError) {
    guard batch.zeroes.isEmpty else { return }
    if target.offloads { batch.leaveUnread() }
    let buffer = batch.buffer
    let granule = target.granule
    var wanted = [Bool](repeating: false, count: Int(batch.length.dividedUp(by: granule)))
    var begins = wanted
    var wasData = true
    var local: UInt64 = 0
    while local < batch.length {
      let (content, length) = try source.content(at: batch.offset + local, length: batch.length - local)
      if content == .unknown { source.noteUnknown(at: batch.offset + local) }
      if content.isRead || (content == .zero && !(target.isSparse && target.readsZero)) {
        for index in local / granule...(local + length - 1) / granule { wanted[Int(index)] = true }
      }
      if content.isRead && !wasData { begins[Int(local / granule)] = true }
      wasData = content.isRead
      if content == .zero {
        var bytes = buffer.mutableBytes
        var part = bytes.slice(Int(local)..<Int(local + length))
        part.fill()
      } else if !batch.isUnread {
        // A granule that is inherited in part is read whole: it is written whole.
        var bytes = buffer.mutableBytes
        var part = bytes.slice(Int(local)..<Int(local + length))
        try source.read(at: batch.offset + local, into: &part)
      }
      local += length
    }
    try source.dropKnown(
      at: batch.offset, buffer.bytes.slice(0..<Int(batch.length)), granule: Int(granule), &wanted)
    let compressor = try compressors?.take()
    target.sort(batch, content: wanted, begins: begins, compressor: compressor)
    if let compressor { compressors?.put(compressor) }
  }
}

/// Goes through what is copied from start to end; one thread at a time asks it.
private final class CopyWalk: @unchecked Sendable {
  private let source: any CopySource
  private let target: CopyTarget
  private let unit: UInt64
  private var position: UInt64 = 0
  private var ahead = ContentAhead()
  /// For each slot, the memory of its segments, from when it is first needed.
  private var batches: [CopyBatch?]

  init(_ source: any CopySource, _ target: CopyTarget, unit: UInt64, capacity: Int) {
    self.source = source
    self.target = target
    self.unit = unit
    batches = Array(repeating: nil, count: capacity)
  }

  /// The next segment that is worth reading; ranges that need no bytes are passed.
  func next(_ slot: Int) throws(BlockError) -> SegmentScheduler<CopyBatch>.Next {
    guard position < source.length else { return .end }
    let (content, length) = try ahead.content(of: source, at: position)
    let isEnd = position + length == source.length
    let whole = isEnd ? length : length.roundedDown(to: unit)
    let isBlank = content == .inherited || (content == .zero && target.isSparse)
    guard isBlank && whole > 0 else {
      let batch = take(min(unit - position % unit, source.length - position), slot)
      return .segment(batch, work: batch.length)
    }
    guard content == .zero && !target.readsZero else {
      position += whole
      return .passed(whole)
    }
    let batch = take(whole, slot)
    target.addZeroes(batch, batch.offset, whole)
    return .segment(batch, work: whole)
  }

  private func take(_ length: UInt64, _ slot: Int) -> CopyBatch {
    let batch =
      batches[slot] ?? CopyBatch(size: Int(unit), compressionUnit: target.compressionUnit)
    batches[slot] = batch
    batch.reset(offset: position, length: length)
    position += length
    return batch
  }
}

/// Compressors that are used again, each by one thread at a time.
private final class CompressorPool: @unchecked Sendable {
  private let edge: Edge
  private let lock = ConditionLock()
  private var free: [any ClusterCompressor] = []

  /// A pool for clusters of the image at `edge`.
  init(_ edge: Edge) { self.edge = edge }

  func take() throws(BlockError) -> (any ClusterCompressor)? {
    if let compressor = lock.withLock({ free.popLast() }) { return compressor }
    return try edge.makeCompressor()
  }

  func put(_ compressor: any ClusterCompressor) { lock.withLock { free.append(compressor) } }
}
