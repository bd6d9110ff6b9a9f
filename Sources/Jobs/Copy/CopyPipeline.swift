// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

/// Segments on their way through a fixed number of threads: read and tested in parallel, given their places in
/// the order of the disk, written while others are read. The target's bytes do not depend on the number of threads.
final class CopyPipeline: @unchecked Sendable {
  /// Bytes read and written at once: what stays in a core's cache is copied fastest.
  static let segmentSize: UInt64 = 256 << 10
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
  /// How many segments may be under way.
  private let capacity: Int

  private let monitor = Monitor()
  // All below under the monitor's lock.
  private var position: UInt64 = 0
  private var takenCount = 0
  private var placedCount = 0
  private var underWay = 0
  private var waitingForPlace: [Int: CopyBatch] = [:]
  /// Segments whose places are known and that are encrypted for them.
  private var waitingForCipher: [CopyBatch] = []
  private var waitingForWrite: [CopyBatch] = []
  private var isWriting = false
  private var free: [CopyBatch] = []
  private var failure: BlockError?

  init(
    from source: any CopySource, to target: CopyTarget, threads: Int, rateLimit: UInt64?, context: JobContext
  ) {
    self.source = source
    self.target = target
    self.context = context
    pace = rateLimit.map { Pace(bytesPerSecond: $0) }
    unit = max(CopyPipeline.segmentSize, target.granule, target.zeroUnit)
    let segments = CopyPipeline.memory / (target.compressionUnit == nil ? unit : 2 * unit)
    capacity = Int(max(2, min(UInt64(threads) * CopyPipeline.segmentsPerThread, segments)))
    // A thread without a segment has nothing to do.
    self.threads = min(threads, capacity)
  }

  /// Copies everything; returns when all is written or something failed and every thread has ended.
  ///
  /// - Parameter isLast: whether the job's work is done with that.
  func run(isLast: Bool = true) throws(BlockError) {
    context.expect(source.length)
    try Threads.run(threads) { _ throws(BlockError) in self.work() }
    for batch in waitingForCipher + waitingForWrite { batch.abandon() }
    if let failure { throw failure }
    if isLast { context.finish() }
  }

  // MARK: One thread

  private func work() {
    do throws(BlockError) {
      let compressor = target.compressionUnit == nil ? nil : try target.edge.makeCompressor()
      while let task = try nextTask() {
        try perform(task, compressor)
      }
    } catch {
      fail(error)
    }
  }

  private enum Task {
    /// Read and sort the segment with this number.
    case fill(CopyBatch, number: Int)
    /// Encrypt a segment that has its place.
    case encrypt(CopyBatch)
    /// Write a segment that has its place.
    case write(CopyBatch)
  }

  private func perform(_ task: Task, _ compressor: (any ClusterCompressor)?) throws(BlockError) {
    switch task {
    case .fill(let batch, let number):
      try context.checkInterrupted()
      try pace?.wait(for: batch.length, context)
      try fill(batch, compressor)
      try place(batch, number: number)
    case .encrypt(let batch):
      do throws(BlockError) {
        try target.encrypt(batch)
      } catch {
        batch.abandon()
        throw error
      }
      monitor.withLock {
        waitingForWrite.append(batch)
        monitor.notifyAll()
      }
    case .write(let batch):
      defer { finish(batch) }
      do throws(BlockError) {
        try target.write(batch, from: source)
      } catch {
        batch.abandon()
        throw error
      }
      context.advance(batch.length)
    }
  }

  /// What to do next: writing comes first, since it frees memory. Nil when all is done or something failed.
  private func nextTask() throws(BlockError) -> Task? {
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil {
      // One writer at a time: the file system would make a second one wait, at the cost of its processor.
      if !isWriting, !waitingForWrite.isEmpty {
        let batch = waitingForWrite.removeFirst()
        isWriting = true
        return .write(batch)
      }
      if !waitingForCipher.isEmpty { return .encrypt(waitingForCipher.removeFirst()) }
      if underWay < capacity, let batch = try takeSegment() {
        takenCount += 1
        underWay += 1
        return .fill(batch, number: takenCount - 1)
      }
      if underWay == 0 { return nil }
      monitor.wait()
    }
    return nil
  }

  private func fail(_ error: BlockError) {
    monitor.withLock {
      if failure == nil { failure = error }
      monitor.notifyAll()
    }
  }

  private func finish(_ batch: CopyBatch) {
    monitor.withLock {
      isWriting = false
      underWay -= 1
      free.append(batch)
      monitor.notifyAll()
    }
  }

  // MARK: Taking

  /// The next segment that is worth reading; what needs no bytes is dealt with in passing. Under the lock.
  private func takeSegment() throws(BlockError) -> CopyBatch? {
    while position < source.length {
      try context.checkInterrupted()
      let (content, length) = try source.content(at: position, length: source.length - position)
      let isEnd = position + length == source.length
      let whole = isEnd ? length : length.roundedDown(to: unit)
      let isBlank = content == .inherited || (content == .zero && target.isSparse)
      guard isBlank && whole > 0 else { break }
      if content == .zero && !target.readsZero {
        let batch = batchForSegment(whole)
        target.addZeroes(batch, position - whole, whole)
        return batch
      }
      position += whole
      context.advance(whole)
    }
    guard position < source.length else { return nil }
    return batchForSegment(min(unit - position % unit, source.length - position))
  }

  private func batchForSegment(_ length: UInt64) -> CopyBatch {
    let batch =
      free.popLast() ?? CopyBatch(size: Int(unit), compresses: target.compressionUnit != nil)
    batch.reset(offset: position, length: length)
    position += length
    return batch
  }

  // MARK: Filling

  /// Reads a segment and sorts what it holds.
  private func fill(_ batch: CopyBatch, _ compressor: (any ClusterCompressor)?) throws(BlockError) {
    guard batch.zeroes.isEmpty else { return }
    batch.isUnread = target.offloads
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
    target.sort(batch, content: wanted, begins: begins, compressor: compressor)
  }

  // MARK: Placing

  /// Gives places to this batch, and to those behind it that waited for it, in order.
  private func place(_ batch: CopyBatch, number: Int) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    waitingForPlace[number] = batch
    while failure == nil, let next = waitingForPlace.removeValue(forKey: placedCount) {
      do throws(BlockError) {
        try target.allocate(next)
      } catch {
        next.abandon()
        throw error
      }
      placedCount += 1
      if target.edge.encrypts { waitingForCipher.append(next) } else { waitingForWrite.append(next) }
    }
    monitor.notifyAll()
  }
}
