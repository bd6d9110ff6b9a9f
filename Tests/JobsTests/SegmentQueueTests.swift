// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Testing

@testable import Jobs

/// The order of tasks without threads: what `SegmentSchedulerTests` see only as its outcome.
@Suite("What comes next of segments under way")
struct SegmentQueueTests {
  typealias Queue = SegmentQueue<String>

  /// A task in a few characters: `take`, or the segment and its stage.
  private static func words(_ task: Queue.Task?) -> String {
    switch task {
    case .take: "take"
    case .pass(let item, let stage): "\(item.segment)\(stage)"
    case nil: "-"
    }
  }

  /// The task that a thread goes on with which has settled another.
  private func after(_ task: Queue.Task, _ outcome: Queue.Outcome, _ queue: inout Queue) -> Queue.Task? {
    let settled = queue.settle(task, outcome)
    return queue.nextTask(carrying: settled.carried)
  }

  /// Takes a segment; the task that its thread goes on with.
  private func take(_ next: SegmentScheduler<String>.Next, _ queue: inout Queue) throws -> Queue.Task? {
    let task = queue.nextTask(carrying: nil)
    guard case .take = try #require(task) else { return nil }
    return after(try #require(task), .taken(next), &queue)
  }

  @Test("a stage passed in order waits for whose turn it is, and the furthest segment is served first")
  func order() throws {
    var queue = Queue([.together, .inOrder], capacity: 3, threads: 3)
    let a = try take(.segment("a", work: 1), &queue)
    let b = try take(.segment("b", work: 1), &queue)
    #expect([a, b].map(Self.words) == ["a0", "b0"])
    // The later one is first, and its thread does something else meanwhile.
    let c = after(try #require(b), .passed(.goesOn), &queue)
    #expect(Self.words(c) == "take")
    let first = after(try #require(a), .passed(.goesOn), &queue)
    #expect(Self.words(first) == "a1")
    let second = after(try #require(first), .passed(.goesOn), &queue)
    #expect(Self.words(second) == "b1")
  }

  @Test("a barrier comes when nothing else is under way, and nothing is taken behind it")
  func barrier() throws {
    var queue = Queue([.together], capacity: 3, threads: 2)
    let a = try take(.segment("a", work: 1), &queue)
    let none = try take(.barrier("b"), &queue)
    #expect(Self.words(none) == "-" && !queue.hasTask && !queue.isOver)
    let b = after(try #require(a), .passed(.goesOn), &queue)
    #expect(Self.words(b) == "b0" && !queue.hasTask)
    let next = after(try #require(b), .passed(.goesOn), &queue)
    #expect(Self.words(next) == "take")
  }

  @Test("the error nearest to the start counts, and what waits behind it is dropped")
  func ending() throws {
    var queue = Queue([.together, .inOrder], capacity: 4, threads: 4)
    let a = try take(.segment("a", work: 1), &queue)
    let b = try take(.segment("b", work: 1), &queue)
    let c = try take(.segment("c", work: 1), &queue)
    // It waits for its turn, and its thread takes another.
    let other = after(try #require(c), .passed(.goesOn), &queue)
    #expect(Self.words(other) == "take")
    let later = queue.settle(try #require(b), .failed(BlockError(.inputOutput, "second")))
    #expect(later.dropped == ["b", "c"])
    let earlier = queue.settle(try #require(a), .failed(BlockError(.inputOutput, "first")))
    #expect(earlier.dropped == ["a"])
    #expect(queue.ending?.error?.message == "first")
    #expect(queue.isOver)
  }
}
