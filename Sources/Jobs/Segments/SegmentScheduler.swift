// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Takes segments of some work, one after the other, and brings each through all stages, by a fixed number of threads.
///
/// What ends the work at a segment, an error or a verdict, leaves those before it to be done: of several, the one
/// nearest to the start counts, however many threads there are. An interruption ends everything at once. Nothing is
/// called with the lock held.
final class SegmentScheduler<Segment: Sendable>: @unchecked Sendable {
  /// What comes next.
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

  private let monitor = Monitor()
  // All below under the monitor's lock.
  private var freeSlots: [Int]
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
  ///   - stages: what every segment passes; what is furthest is done first, as it makes room.
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
    monitor.lock()
    while let task = nextTask() {
      monitor.unlock()
      let outcome = perform(task)
      monitor.lock()
      let dropped = settle(task, outcome)
      monitor.notifyAll()
      guard !dropped.isEmpty else { continue }
      monitor.unlock()
      for item in dropped { drop(item.segment) }
      monitor.lock()
    }
    monitor.unlock()
  }

  private func perform(_ task: Task) -> Outcome {
    do throws(BlockError) {
      try context.checkInterrupted()
      switch task {
      case .take(let slot):
        let found = try next(slot)
        if case .passed(let work) = found { context.advance(work) }
        return .taken(found)
      case .pass(let item, let stage):
        let verdict = try stages[stage].body(item.segment)
        if stage == stages.count - 1, verdict == .goesOn, item.work > 0 { context.advance(item.work) }
        return .passed(verdict)
      }
    } catch {
      return .failed(error)
    }
  }

  // MARK: Under the lock

  /// What to do next, after a wait where others have to come first; nil when there is nothing more for this thread.
  private func nextTask() -> Task? {
    while true {
      for stage in stages.indices.reversed() {
        guard !isOccupied[stage], let index = ready(for: stage) else { continue }
        isOccupied[stage] = stages[stage].passage != .together
        return .pass(queues[stage].remove(at: index), stage: stage)
      }
      let takesNoMore = isAtEnd || ending != nil
      // Segments that are in others' hands go on there.
      if takesNoMore, queues.allSatisfy(\.isEmpty) { return nil }
      if !takesNoMore, !isTaking, barrier == nil, let slot = freeSlots.popLast() {
        isTaking = true
        return .take(slot: slot)
      }
      monitor.wait()
    }
  }

  /// Which of those who wait for a stage may enter it.
  private func ready(for stage: Int) -> Int? {
    var found: Int?
    for (index, item) in queues[stage].enumerated() {
      if let best = found, queues[stage][best].number < item.number { continue }
      found = index
    }
    guard let found else { return nil }
    let number = queues[stage][found].number
    if stages[stage].passage == .inOrder, number != turns[stage] { return nil }
    if number == barrier, underWay > 1 { return nil }
    return found
  }

  /// Notes what came of a task; returns what is to be dropped.
  private func settle(_ task: Task, _ outcome: Outcome) -> [Item] {
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

  private func settleTaking(_ slot: Int, _ outcome: Outcome) -> [Item] {
    let item: Item
    switch outcome {
    case .taken(.segment(let segment, let work)):
      item = Item(segment: segment, number: taken, slot: slot, work: work)
    case .taken(.barrier(let segment)):
      item = Item(segment: segment, number: taken, slot: slot, work: 0)
      barrier = taken
    case .taken(.passed), .passed:
      freeSlots.append(slot)
      return []
    case .taken(.end):
      isAtEnd = true
      return []
    case .failed(let error):
      return end(Ending(number: taken, segment: nil, error: error))
    }
    taken += 1
    underWay += 1
    return enqueue(item, 0)
  }

  private func settlePassing(_ item: Item, _ stage: Int, _ outcome: Outcome) -> [Item] {
    switch outcome {
    case .passed(.goesOn), .taken:
      guard stage + 1 == stages.count else { return enqueue(item, stage + 1) }
      leave(item)
      return []
    case .passed(.ends):
      leave(item)
      return end(Ending(number: item.number, segment: item.segment, error: nil))
    case .failed(let error):
      leave(item)
      return [item] + end(Ending(number: item.number, segment: nil, error: error))
    }
  }

  /// Lets a segment wait for a stage, unless it does not matter any more.
  private func enqueue(_ item: Item, _ stage: Int) -> [Item] {
    if let ending, item.number > ending.number {
      leave(item)
      return [item]
    }
    queues[stage].append(item)
    return []
  }

  /// A segment is done or dropped.
  private func leave(_ item: Item) {
    underWay -= 1
    freeSlots.append(item.slot)
    if item.number == barrier { barrier = nil }
  }

  /// Ends the work at a segment, unless it ends at an earlier one; what waits behind that is dropped.
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
