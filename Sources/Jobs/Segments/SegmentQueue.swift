// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// The segments of a `SegmentScheduler` that are under way, where each stands, and what is to be done next.
struct SegmentQueue<Segment: Sendable>: Sendable {
  /// A segment under way.
  struct Item: Sendable {
    let segment: Segment
    /// Its place in the order in which segments are taken.
    let number: Int
    let slot: Int
    let work: UInt64
  }

  /// What a thread does without anybody's lock.
  enum Task: Sendable {
    case take(slot: Int)
    case pass(Item, stage: Int)
  }

  enum Outcome: Sendable {
    case taken(SegmentScheduler<Segment>.Next)
    case passed(SegmentStage<Segment>.Verdict)
    case failed(BlockError)
  }

  /// A segment on its way to a stage, in the hand of a thread.
  struct Carried: Sendable {
    fileprivate let item: Item
    fileprivate let stage: Int
  }

  /// What is left after a task: a segment to go on with, and those to drop.
  struct Settled: Sendable {
    fileprivate(set) var carried: Carried?
    fileprivate(set) var dropped: [Segment] = []
  }

  struct Ending: Sendable {
    /// The segment at which the work ends; -1 for an interruption.
    fileprivate let number: Int
    let segment: Segment?
    let error: BlockError?
  }

  private let passages: [SegmentStage<Segment>.Passage]
  /// How many slots have to be free before segments are taken again, once none was: a thread is not worth waking for
  /// one segment.
  private let slotsToResume: Int
  private var freeSlots: [Int]
  private var isFull = false
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
  /// Where the work ends early, as far as is known.
  private(set) var ending: Ending?

  /// - Parameters:
  ///   - passages: how segments pass through each stage.
  ///   - capacity: how many segments are under way at most, at least 1.
  ///   - threads: how many threads ask, at most `capacity`.
  init(_ passages: [SegmentStage<Segment>.Passage], capacity: Int, threads: Int) {
    self.passages = passages
    slotsToResume = max(1, (capacity - threads + 1) / 2)
    freeSlots = (0..<capacity).reversed()
    queues = Array(repeating: [], count: passages.count)
    isOccupied = Array(repeating: false, count: passages.count)
    turns = Array(repeating: 0, count: passages.count)
  }

  // MARK: What is next

  /// Takes the next task, the furthest segment's first; nil where others have to come first, or nothing more comes.
  ///
  /// - Parameter own: a segment that the asking thread has in hand, and leaves here if it cannot go on.
  mutating func nextTask(carrying own: Carried?) -> Task? {
    if let own {
      if goesOn(own) { return .pass(own.item, stage: own.stage) }
      queues[own.stage].append(own.item)
    }
    for stage in passages.indices.reversed() {
      guard let index = ready(for: stage) else { continue }
      isOccupied[stage] = passages[stage] != .together
      return .pass(queues[stage].remove(at: index), stage: stage)
    }
    guard canTake, let slot = freeSlots.popLast() else { return nil }
    isTaking = true
    isFull = freeSlots.isEmpty
    return .take(slot: slot)
  }

  /// Whether there is a task for another thread.
  var hasTask: Bool { canTake || passages.indices.contains { ready(for: $0) != nil } }

  /// Whether nothing comes any more that is in no thread's hand: what is, goes on there.
  var isOver: Bool { takesNoMore && queues.allSatisfy { $0.isEmpty } }

  /// Whether a segment in hand may enter its stage at once, with nobody before it and nothing further on.
  private mutating func goesOn(_ own: Carried) -> Bool {
    guard queues[own.stage].isEmpty, mayEnter(own.item.number, own.stage) else { return false }
    for stage in own.stage + 1..<passages.count where ready(for: stage) != nil { return false }
    isOccupied[own.stage] = passages[own.stage] != .together
    return true
  }

  private var takesNoMore: Bool { isAtEnd || ending != nil }

  private var canTake: Bool { !takesNoMore && !isTaking && !isFull && barrier == nil && !freeSlots.isEmpty }

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
    if passages[stage] == .inOrder, number != turns[stage] { return false }
    return number != barrier || underWay == 1
  }

  // MARK: What came of it

  /// Notes what came of a task.
  mutating func settle(_ task: Task, _ outcome: Outcome) -> Settled {
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

  private mutating func settleTaking(_ slot: Int, _ outcome: Outcome) -> Settled {
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

  private mutating func settlePassing(_ item: Item, _ stage: Int, _ outcome: Outcome) -> Settled {
    switch outcome {
    case .passed(.goesOn), .taken:
      guard stage + 1 == passages.count else { return carry(item, stage + 1) }
      leave(item)
      return Settled()
    case .passed(.ends):
      leave(item)
      return Settled(dropped: end(Ending(number: item.number, segment: item.segment, error: nil)))
    case .failed(let error):
      leave(item)
      return Settled(dropped: [item.segment] + end(Ending(number: item.number, segment: nil, error: error)))
    }
  }

  /// Brings a segment to a stage, unless it does not matter any more.
  private mutating func carry(_ item: Item, _ stage: Int) -> Settled {
    if let ending, item.number > ending.number {
      leave(item)
      return Settled(dropped: [item.segment])
    }
    return Settled(carried: Carried(item: item, stage: stage))
  }

  /// A segment is done or dropped.
  private mutating func leave(_ item: Item) {
    underWay -= 1
    free(item.slot)
    if item.number == barrier { barrier = nil }
  }

  private mutating func free(_ slot: Int) {
    freeSlots.append(slot)
    if freeSlots.count >= slotsToResume { isFull = false }
  }

  /// Ends the work at a segment, unless it ends at an earlier one; segments that wait behind it are dropped.
  private mutating func end(_ found: Ending) -> [Segment] {
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
    return dropped.map(\.segment)
  }
}
