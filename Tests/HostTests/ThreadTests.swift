// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Errors
import Glibc
import Host
import Support
import Synchronization
import Testing

struct ThreadTests {
  @Test("every body runs once, on threads of their own, before run returns", arguments: [0, 1, 2, 7, 32])
  func runs(count: Int) throws {
    let seen = Mutex<[Int: UInt]>([:])
    try Threads.run(count) { index throws(BlockError) in
      // Late bodies show whether they are waited for.
      Clock.sleep(seconds: 0.001 * Double(index % 5))
      seen.withLock { $0[index, default: 0] = Threads.current }
    }
    let known = seen.withLock { $0 }
    #expect(known.keys.sorted() == Array(0..<count))
    if count > 0 { #expect(known[0] == Threads.current) }
  }

  @Test("bodies run at the same time")
  func parallel() throws {
    let lock = ConditionLock()
    let arrived = Mutex(0)
    // Nobody goes on before all have come.
    try Threads.run(4) { _ throws(BlockError) in
      lock.lock()
      arrived.withLock { $0 += 1 }
      lock.notifyAll()
      while arrived.withLock({ $0 }) < 4 { lock.wait() }
      lock.unlock()
    }
    #expect(arrived.withLock { $0 } == 4)
  }

  @Test("the error of the lowest number wins, whenever it comes; the others run to their end")
  func errors() throws {
    for failing in [[3, 1], [2], [0, 3], [0, 1, 2, 3]] {
      let ended = Counter()
      let error = #expect(throws: BlockError.self) {
        try Threads.run(4) { index throws(BlockError) in
          // The lowest fails last.
          Clock.sleep(seconds: 0.004 * Double(4 - index))
          _ = ended.add(1)
          if failing.contains(index) { throw BlockError(.inputOutput, "body \(index)") }
        }
      }
      #expect(error?.message == "body \(failing.min() ?? -1)")
      #expect(ended.add(0) == 4)
    }
    #expect(throws: BlockError(.noSpace, "alone")) {
      try Threads.run(1) { _ throws(BlockError) in throw BlockError(.noSpace, "alone") }
    }
  }

  @Test("there is at least one processor, and time goes forward")
  func machine() {
    #expect(Threads.processors >= 1)
    let start = Clock.now
    Clock.sleep(seconds: 0.01)
    Clock.sleep(seconds: -1)
    #expect(Clock.now >= start + 0.009)
  }

  /// Counts without any protection of its own.
  private final class Plain: @unchecked Sendable {
    var value = 0
  }

  @Test("a lock lets one in at a time, and counters lose nothing")
  func exclusion() throws {
    let (lock, plain, counter) = (ConditionLock(), Plain(), Counter())
    try Threads.run(4) { _ throws(BlockError) in
      for _ in 0..<5000 {
        lock.withLock { plain.value += 1 }
        _ = counter.add(2)
      }
    }
    #expect(plain.value == 20_000)
    #expect(counter.add(0) == 40_000)
  }

  @Test("a lock is released by an error, and gives the body's result")
  func release() throws {
    let lock = ConditionLock()
    #expect(throws: BlockError.self) {
      try lock.withLock { () throws(BlockError) in throw BlockError(.conflict, "x") }
    }
    #expect(lock.withLock { 5 } == 5)
  }

  @Test("work passes from hand to hand through wait and notify")
  func handOver() throws {
    let (lock, turn) = (ConditionLock(), Plain())
    let order = Mutex<[Int]>([])
    try Threads.run(3) { index throws(BlockError) in
      for _ in 0..<50 {
        lock.lock()
        while turn.value != index { lock.wait() }
        order.withLock { $0.append(index) }
        turn.value = (index + 1) % 3
        lock.notifyAll()
        lock.unlock()
      }
    }
    #expect(order.withLock { $0 } == (0..<150).map { $0 % 3 })
  }

  @Test("output that cannot be written is reported")
  func streams() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let full = unsafe open("/dev/full", O_WRONLY)
      dup2(full, 1)
      guard !Stream.output.write("x"), Stream.output.write("") else { exit(1) }
      let null = unsafe open("/dev/null", O_WRONLY)
      dup2(null, 1)
      guard Stream.output.write(String(repeating: "é", count: 100_000)), !Stream.output.isTerminal else {
        exit(2)
      }
      exit(42)
    }
  }

  @Test("a thread's own time is that of its work, not of what others do meanwhile")
  func ownTime() {
    let start = (own: Clock.ofThread, all: Clock.now)
    Clock.sleep(seconds: 0.2)
    #expect(Clock.now - start.all >= 0.2)
    #expect(Clock.ofThread - start.own < 0.1)
    let end = Clock.ofThread + 0.01
    var rounds = 0
    while Clock.ofThread < end, rounds < 100_000_000 { rounds += 1 }
    #expect(Clock.ofThread >= end)
  }
}
