// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Takes segments of some work, one after the other, and brings each through all stages, by a fixed number of threads.
///
/// An error or a verdict that ends the work at a segment leaves those before it to be done: of several, the one nearest
/// to the start counts, however many threads there are. An interruption ends everything at once. Nothing is called with
/// the lock held.
final class SegmentScheduler<Segment: Sendable>: @unchecked Sendable {
  /// The answer of `next`.
  enum Next: Sendable {
    /// A segment, and how much of the job's work is done when it has passed all stages.
    case segment(Segment, work: UInt64)
    /// A segment to which nobody comes before all earlier ones are done, and behind which nothing is taken before it is
    /// done itself.
    case barrier(Segment)
    /// Nothing to be done for so much of the job's work.
    case passed(UInt64)
    /// Nothing more.
    case end
  }

  private typealias Queue = SegmentQueue<Segment>

  private let threads: Int
  private let context: JobContext
  private let next: @Sendable (_ slot: Int) throws(BlockError) -> Next
  private let stages: [SegmentStage<Segment>]
  private let drop: @Sendable (Segment) -> Void

  private let lock = ConditionLock()
  /// Under the lock.
  private var queue: Queue
  /// How many threads have nothing to do; under the lock.
  private var idle = 0

  /// - Parameters:
  ///   - threads: how many threads work; no more than segments are under way.
  ///   - capacity: how many segments are under way at most, at least 1.
  ///   - next: called by one thread at a time, with the number of a slot below `capacity`, which nobody uses until the
  ///     segment that comes of it is done.
  ///   - stages: the stages that every segment passes; the furthest segment is served first, as that makes room.
  ///   - drop: given each segment that failed, or does not matter any more, instead of its remaining stages.
  init(
    threads: Int, capacity: Int, context: JobContext,
    next: @escaping @Sendable (_ slot: Int) throws(BlockError) -> Next,
    stages: [SegmentStage<Segment>],
    drop: @escaping @Sendable (Segment) -> Void = { _ in }
  ) {
    self.threads = max(1, min(threads, capacity))
    self.context = context
    self.next = next
    self.stages = stages
    self.drop = drop
    queue = Queue(stages.map(\.passage), capacity: max(1, capacity), threads: self.threads)
  }

  /// Does everything; returns when that is done, or ended early, and every thread has ended.
  ///
  /// - Returns: the segment at which a stage ended the work; nil when all are done.
  /// - Throws: the error that ended it.
  @discardableResult
  func run() throws(BlockError) -> Segment? {
    try Threads.run(threads) { _ throws(BlockError) in self.work() }
    let ending = lock.withLock { queue.ending }
    if let error = ending?.error { throw error }
    return ending?.segment
  }

  // MARK: One thread

  private func work() {
    var carried: Queue.Carried?
    while let task = nextTask(carrying: carried) {
      let settled = settle(task, perform(task))
      for segment in settled.dropped { drop(segment) }
      carried = settled.carried
    }
  }

  /// The next task, after a wait where others have to come first; nil when there is nothing more for this thread.
  ///
  /// - Parameter own: a segment that this thread has in hand.
  private func nextTask(carrying own: Queue.Carried?) -> Queue.Task? {
    lock.withLock {
      var own = own
      while true {
        if let task = queue.nextTask(carrying: own) {
          if idle > 0, queue.hasTask { lock.notify() }
          return task
        }
        own = nil
        guard !queue.isOver else {
          // The others find nothing either.
          lock.notifyAll()
          return nil
        }
        idle += 1
        lock.wait()
        idle -= 1
      }
    }
  }

  private func settle(_ task: Queue.Task, _ outcome: Queue.Outcome) -> Queue.Settled {
    lock.withLock {
      let settled = queue.settle(task, outcome)
      if !settled.dropped.isEmpty { lock.notifyAll() }
      return settled
    }
  }

  private func perform(_ task: Queue.Task) -> Queue.Outcome {
    do throws(BlockError) {
      switch task {
      case .take(let slot):
        try context.checkInterrupted()
        let found = try next(slot)
        if case .passed(let work) = found { context.advance(work) }
        return .taken(found)
      case .pass(let item, let stage):
        // Before the first stage, that was asked a moment ago.
        if stage > 0 { try context.checkInterrupted() }
        let verdict = try stages[stage].body(item.segment)
        if stage == stages.count - 1, verdict == .goesOn, item.work > 0 { context.advance(item.work) }
        return .passed(verdict)
      }
    } catch {
      return .failed(error)
    }
  }
}
