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

  private struct Item {
    let segment: Segment
    let number: Int
    let slot: Int
    let work: UInt64
  }

  private enum Task {
    case take(slot: Int)
    case pass(Item, stage: Int)
  }

  private enum Outcome {
    case taken(Next)
    case passed(SegmentStage<Segment>.Verdict)
    case failed(BlockError)
  }

  /// A segment on its way to a stage, in the hand of a thread.
  private struct Carried {
    let item: Item
    let stage: Int
  }

  /// The segments that are left after a task: one to go on with, and those to drop.
  private struct Settled {
    var carried: Carried?
    var dropped: [Item] = []
  }

  private struct Ending {
    /// The segment at which the work ends; -1 for an interruption.
    let number: Int
    let segment: Segment?
    let error: BlockError?
  }

  private let threads: Int
  private let context: JobContext
  private let next: @Sendable (_ slot: Int) throws(BlockError) -> Next
  private let stages: [SegmentStage<Segment>]
  private let drop: @Sendable (Segment) -> Void
  /// How many slots have to be free before segments are taken again, once none was: a thread is not worth waking for
  /// one segment.
  private let slotsToResume: Int

  private let lock = ConditionLock()
  // All below under the lock.
  private var freeSlots: [Int]
  private var isFull = false
  /// How many threads have nothing to do.
  private var idle = 0
  private var taken = 0
  private var underWay = 0
  private var isTaking = false
  private var isAtEnd = false
  /// The number of the barrier that is under way.
  private var barrier: Int?
  /// For each stage, who waits for it.
  private var queues: [[Item]]
  /// For each stage that is not passed together, whether somebody is in it.
  private var isOccupied: [Bool]
  /// For each stage that is passed in order, whose turn it is.
  private var turns: [Int]
  private var ending: Ending?

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
    slotsToResume = max(1, (capacity - self.threads + 1) / 2)
    freeSlots = (0..<max(1, capacity)).reversed()
    queues = Array(repeating: [], count: stages.count)
    isOccupied = Array(repeating: false, count: stages.count)
    turns = Array(repeating: 0, count: stages.count)
  }

  /// Does everything; returns when that is done, or ended early, and every thread has ended.
  ///
  /// - Returns: the segment at which a stage ended the work; nil when all are done.
  /// - Throws: the error that ended it.
  @discardableResult
  func run() throws(BlockError) -> Segment? {
    try Threads.run(threads) { _ throws(BlockError) in self.work() }
    if let error = ending?.error { throw error }
    return ending?.segment
  }

  // MARK: One thread

  private func work() {
    lock.lock()
    var task = nextTask(carrying: nil)
    while let present = task {
      lock.unlock()
      let outcome = perform(present)
      lock.lock()
      let settled = settle(present, outcome)
      if !settled.dropped.isEmpty {
        lock.notifyAll()
        lock.unlock()
        for item in settled.dropped { drop(item.segment) }
        lock.lock()
      }
      task = nextTask(carrying: settled.carried)
    }
    // The others find nothing either.
    lock.notifyAll()
    lock.unlock()
  }

  private func perform(_ task: Task) -> Outcome {
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

  // MARK: Under the lock

  /// The next task, after a wait where others have to come first; nil when there is nothing more for this thread.
  ///
  /// - Parameter own: a segment that this thread has in hand.
  private func nextTask(carrying own: Carried?) -> Task? {
    if let own {
      if goesOn(own) { return wakingOther(.pass(own.item, stage: own.stage)) }
      queues[own.stage].append(own.item)
    }
    while true {
      for stage in stages.indices.reversed() {
        guard let index = ready(for: stage) else { continue }
        isOccupied[stage] = stages[stage].passage != .together
        return wakingOther(.pass(queues[stage].remove(at: index), stage: stage))
      }
      if canTake, let slot = freeSlots.popLast() {
        isTaking = true
        isFull = freeSlots.isEmpty
        return wakingOther(.take(slot: slot))
      }
      // Segments that are in others' hands go on there.
      if takesNoMore, queues.allSatisfy({ $0.isEmpty }) { return nil }
      idle += 1
      lock.wait()
      idle -= 1
    }
  }

  /// Whether a segment in hand may enter its stage at once, with nobody before it and nothing further on.
  private func goesOn(_ own: Carried) -> Bool {
    guard queues[own.stage].isEmpty, mayEnter(own.item.number, own.stage) else { return false }
    for stage in own.stage + 1..<stages.count where ready(for: stage) != nil { return false }
    isOccupied[own.stage] = stages[own.stage].passage != .together
    return true
  }

  private var takesNoMore: Bool { isAtEnd || ending != nil }

  private var canTake: Bool { !takesNoMore && !isTaking && !isFull && barrier == nil && !freeSlots.isEmpty }

  /// Wakes a thread that has nothing to do, where there is something besides this thread's task.
  private func wakingOther(_ task: Task) -> Task {
    guard idle > 0 else { return task }
    if canTake {
      lock.notify()
    } else {
      for stage in stages.indices where ready(for: stage) != nil {
        lock.notify()
        break
      }
    }
    return task
  }

  /// The index of the segment that may enter `stage`, among those that wait for it.
  private func ready(for stage: Int) -> Int? {
    guard !isOccupied[stage] else { return nil }
    var found: Int?
    for index in queues[stage].indices {
      if let best = found, queues[stage][best].number < queues[stage][index].number { continue }
      found = index
    }
    guard let found, mayEnter(queues[stage][found].number, stage) else { return nil }
    return found
  }

  private func mayEnter(_ number: Int, _ stage: Int) -> Bool {
    if isOccupied[stage] { return false }
    if stages[stage].passage == .inOrder, number != turns[stage] { return false }
    return number != barrier || underWay == 1
  }

  /// Notes what came of a task.
  private func settle(_ task: Task, _ outcome: Outcome) -> Settled {
    switch task {
    case .take(let slot):
      isTaking = false
      return settleTaking(slot, outcome)
    case .pass(let item, let stage):
      isOccupied[stage] = false
      turns[stage] += 1
      return settlePassing(item, stage, outcome)
    }
  }

  private func settleTaking(_ slot: Int, _ outcome: Outcome) -> Settled {
    let item: Item
    switch outcome {
    case .taken(.segment(let segment, let work)):
      item = Item(segment: segment, number: taken, slot: slot, work: work)
    case .taken(.barrier(let segment)):
      item = Item(segment: segment, number: taken, slot: slot, work: 0)
      barrier = taken
    case .taken(.passed), .passed:
      free(slot)
      return Settled()
    case .taken(.end):
      isAtEnd = true
      return Settled()
    case .failed(let error):
      return Settled(dropped: end(Ending(number: taken, segment: nil, error: error)))
    }
    taken += 1
    underWay += 1
    return carry(item, 0)
  }

  private func settlePassing(_ item: Item, _ stage: Int, _ outcome: Outcome) -> Settled {
    switch outcome {
    case .passed(.goesOn), .taken:
      guard stage + 1 == stages.count else { return carry(item, stage + 1) }
      leave(item)
      return Settled()
    case .passed(.ends):
      leave(item)
      return Settled(dropped: end(Ending(number: item.number, segment: item.segment, error: nil)))
    case .failed(let error):
      leave(item)
      return Settled(dropped: [item] + end(Ending(number: item.number, segment: nil, error: error)))
    }
  }

  /// Brings a segment to a stage, unless it does not matter any more.
  private func carry(_ item: Item, _ stage: Int) -> Settled {
    if let ending, item.number > ending.number {
      leave(item)
      return Settled(dropped: [item])
    }
    return Settled(carried: Carried(item: item, stage: stage))
  }

  /// A segment is done or dropped.
  private func leave(_ item: Item) {
    underWay -= 1
    free(item.slot)
    if item.number == barrier { barrier = nil }
  }

  private func free(_ slot: Int) {
    freeSlots.append(slot)
    if freeSlots.count >= slotsToResume { isFull = false }
  }

  /// Ends the work at a segment, unless it ends at an earlier one; segments that wait behind it are dropped.
  private func end(_ found: Ending) -> [Item] {
    let isInterruption = found.error?.kind == .interrupted
    let number = isInterruption ? -1 : found.number
    if let ending, ending.number <= number { return [] }
    ending = Ending(number: number, segment: found.segment, error: found.error)
    var dropped: [Item] = []
    for stage in queues.indices {
      dropped += queues[stage].filter { $0.number > number }
      queues[stage].removeAll { $0.number > number }
    }
    for item in dropped { leave(item) }
    return dropped
  }
}
