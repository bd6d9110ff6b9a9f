// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Support
import Synchronization
import Testing

@testable import Jobs

@Suite("One scheduler for segments")
struct SegmentSchedulerTests {
  typealias Next = SegmentScheduler<Int>.Next
  typealias Stage = SegmentStage<Int>

  /// What a run did, noted by all threads.
  private final class Diary: Sendable {
    struct Content {
      var taken: [Int] = []
      var slots: [Int] = []
      var passed: [[Int]] = [[], [], []]
      var dropped: [Int] = []
      var inStage = [0, 0, 0]
      var mostInStage = [0, 0, 0]
      var isTaking = false
      var mostUnderWay = 0
    }
    let content = Mutex(Content())

    func pass(_ segment: Int, _ stage: Int, _ body: () throws(BlockError) -> Void) throws(BlockError) {
      content.withLock {
        $0.inStage[stage] += 1
        $0.mostInStage[stage] = max($0.mostInStage[stage], $0.inStage[stage])
      }
      defer { content.withLock { $0.inStage[stage] -= 1 } }
      if segment % 3 == stage { Clock.sleep(seconds: 0.0002) }
      try body()
      content.withLock { $0.passed[stage].append(segment) }
    }
  }

  private static let context = JobContext()

  /// Takes `count` segments through three stages, one of each kind, each of which does what `body` does.
  private func run(
    _ count: Int, threads: Int, capacity: Int, _ diary: Diary, context: JobContext = Self.context,
    _ body: @escaping @Sendable (_ segment: Int, _ stage: Int) throws(BlockError) -> Void = { _, _ in }
  ) throws(BlockError) {
    let passages: [Stage.Passage] = [.together, .inOrder, .singly]
    let scheduler = SegmentScheduler<Int>(
      threads: threads, capacity: capacity, context: context,
      next: { slot in
        diary.content.withLock { content in
          #expect(!content.isTaking)
          let number = content.taken.count
          guard number < count else { return .end }
          content.taken.append(number)
          content.slots.append(slot)
          let gone = content.passed[2].count + content.dropped.count
          content.mostUnderWay = max(content.mostUnderWay, content.taken.count - gone)
          return .segment(number, work: 10)
        }
      },
      stages: passages.enumerated().map { stage, passage in
        .step(passage) { segment throws(BlockError) in
          try diary.pass(segment, stage) { () throws(BlockError) in try body(segment, stage) }
        }
      },
      drop: { segment in diary.content.withLock { $0.dropped.append(segment) } })
    try scheduler.run()
  }

  @Test(
    "every segment passes every stage, in the order that the stage asks for, and few are under way",
    arguments: [(1, 1), (1, 4), (2, 2), (2, 8), (8, 4), (16, 16)])
  func order(_ threads: Int, _ capacity: Int) throws {
    let diary = Diary()
    let context = JobContext()
    context.expect(600)
    try run(60, threads: threads, capacity: capacity, diary, context: context)
    let content = diary.content.withLock { $0 }
    let all = Array(0..<60)
    #expect(content.taken == all)
    #expect(content.passed[0].sorted() == all && content.passed[2].sorted() == all)
    #expect(content.passed[1] == all)
    #expect(content.mostInStage[0] <= min(threads, capacity))
    #expect(content.mostInStage[1] == 1 && content.mostInStage[2] == 1)
    // A segment leaves a moment after its last stage, never before.
    #expect(content.mostUnderWay <= capacity && content.slots.allSatisfy { $0 < capacity })
    #expect(content.dropped.isEmpty)
    #expect(context.progress.done == 600)
  }

  @Test("there may be fewer segments than threads, and none", arguments: [0, 1, 3], [1, 16])
  func few(_ count: Int, _ threads: Int) throws {
    let diary = Diary()
    try run(count, threads: threads, capacity: 16, diary)
    #expect(diary.content.withLock { $0.passed[2].sorted() } == Array(0..<count))
  }

  @Test(
    "an error ends what is behind it; what is before is done, and the error nearest to the start counts",
    arguments: [0, 1, 17, 59], [0, 1, 2])
  func failure(_ first: Int, _ stage: Int) throws {
    for threads in [1, 2, 8] {
      let diary = Diary()
      let error = #expect(throws: BlockError.self) {
        try run(60, threads: threads, capacity: 8, diary) { segment, place throws(BlockError) in
          // Those behind fail sooner.
          if segment == first { Clock.sleep(seconds: 0.002) }
          if place == stage, segment >= first { throw BlockError(.inputOutput, "segment \(segment)") }
        }
      }
      #expect(error?.message == "segment \(first)")
      let content = diary.content.withLock { $0 }
      #expect(content.passed[2].sorted() == Array(0..<first))
      #expect(content.dropped.sorted() == Array(first..<content.taken.count), "each is dropped once")
      #expect(content.taken.count <= first + 8 + 1)
    }
  }

  @Test("an error in taking comes after those before it", arguments: [1, 4])
  func failedTaking(_ threads: Int) throws {
    let count = Atomic(0)
    let done = Atomic(0)
    let scheduler = SegmentScheduler<Int>(
      threads: threads, capacity: 4, context: Self.context,
      next: { _ throws(BlockError) in
        let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
        if number == 9 { throw BlockError(.inputOutput, "no tenth") }
        return number % 2 == 0 ? .segment(number, work: 1) : .passed(1)
      },
      stages: [
        .step(.together) { _ in
          Clock.sleep(seconds: 0.001)
          done.wrappingAdd(1, ordering: .relaxed)
        }
      ])
    let error = #expect(throws: BlockError.self) { try scheduler.run() }
    #expect(error?.message == "no tenth")
    #expect(done.load(ordering: .relaxed) == 5)
    #expect(count.load(ordering: .relaxed) == 10, "nobody asks again")
  }

  @Test("an interruption ends everything at once, whatever else went wrong", arguments: [1, 2, 8])
  func interruption(_ threads: Int) throws {
    let isInterrupted = Atomic(false)
    let context = JobContext(interrupted: {
      isInterrupted.load(ordering: .relaxed) ? BlockError(.interrupted, "stop") : nil
    })
    let diary = Diary()
    let error = #expect(throws: BlockError.self) {
      try run(1_000_000, threads: threads, capacity: 8, diary, context: context) {
        segment, stage throws(BlockError) in
        guard segment == 20, stage == 1 else { return }
        isInterrupted.store(true, ordering: .relaxed)
        throw BlockError(.inputOutput, "at that moment")
      }
    }
    // A single thread learns of it no sooner than of the error.
    #expect(threads == 1 || error?.kind == .interrupted || error?.message == "at that moment")
    let content = diary.content.withLock { $0 }
    #expect(content.taken.count <= 30)
    #expect(content.passed[2].count + content.dropped.count == content.taken.count)
    #expect(content.dropped.contains(20))
  }

  @Test("a search ends at the first find, whoever is faster", arguments: [1, 2, 8])
  func search(_ threads: Int) throws {
    let taken = Atomic(0)
    let scheduler = SegmentScheduler<Int>(
      threads: threads, capacity: 8, context: Self.context,
      next: { _ in .segment(taken.wrappingAdd(1, ordering: .relaxed).oldValue, work: 0) },
      stages: [
        .search(.together) { segment in
          if segment == 30 { Clock.sleep(seconds: 0.01) }
          return segment >= 30 ? .ends : .goesOn
        }
      ])
    #expect(try scheduler.run() == 30)
    #expect(taken.load(ordering: .relaxed) <= 39)
  }

  @Test("a barrier is alone", arguments: [1, 2, 16])
  func barrier(_ threads: Int) throws {
    let taken = Atomic(0)
    let present = Atomic(0)
    let scheduler = SegmentScheduler<Int>(
      threads: threads, capacity: threads, context: Self.context,
      next: { _ in
        let number = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        return number == 200 ? .end : number % 20 == 19 ? .barrier(number) : .segment(number, work: 0)
      },
      stages: [
        .step(.together) { number in
          let before = present.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
          if number % 20 == 19 {
            #expect(before == 0 && taken.load(ordering: .relaxed) == number + 1)
          }
          Clock.sleep(seconds: 0.0001)
          present.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
      ])
    try scheduler.run()
    #expect(taken.load(ordering: .relaxed) == 201)
  }

  @Test("whoever takes, orders or drops a segment keeps nobody from going on with others")
  func holdsNoLock() throws {
    let done = Mutex(Set<Int>())
    @Sendable func wait(for number: Int) {
      for _ in 0..<10_000 where !done.withLock({ $0.contains(number) }) { Clock.sleep(seconds: 0.001) }
      #expect(done.withLock { $0.contains(number) }, "\(number) waits")
    }
    let taken = Atomic(0)
    let scheduler = SegmentScheduler<Int>(
      threads: 2, capacity: 4, context: Self.context,
      next: { _ in
        let number = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        // The second is not taken before the first has passed everything.
        if number == 1 { wait(for: 0) }
        return number < 6 ? .segment(number, work: 0) : .end
      },
      stages: [
        .step(.together) { number in if number == 3 { _ = done.withLock { $0.insert(103) } } },
        .step(.inOrder) { number throws(BlockError) in
          // The third is in the stage until the fourth has passed the one before.
          if number == 2 { wait(for: 103) }
          _ = done.withLock { $0.insert(number) }
          if number == 4 { throw BlockError(.inputOutput, "fifth") }
        },
      ],
      drop: { number in
        // The fifth is given up for as long as it takes to do the rest.
        if number == 4 { wait(for: 3) }
      })
    #expect(throws: BlockError.self) { try scheduler.run() }
  }
}
