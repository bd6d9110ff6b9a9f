// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Support
import Synchronization
import Testing

/// A job that notes what is called, on which thread, and fails where it is told to.
final class TracingJob: Job {
  enum Step: String, Sendable {
    case prepare, run, commit, abort, clean
  }

  let kind: String
  private let failing: Step?
  private let workers: Int
  private let log: Log
  private(set) var warning: String?

  /// What jobs of one group did, in order.
  final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    private let threads = Mutex<[String: Set<UInt>]>([:])
    func note(_ job: String, _ step: String) {
      entries.withLock { $0.append("\(job) \(step)") }
      let thread = Threads.current
      _ = threads.withLock { $0[step, default: []].insert(thread) }
    }
    var steps: [String] { entries.withLock { $0 } }
    private let finals = Mutex<[String]>([])
    func noteFinal(_ job: String) { finals.withLock { $0.append(job) } }
    /// The jobs whose commit was told that it is the last.
    var finalJobs: [String] { finals.withLock { $0 } }
    func threads(of step: String) -> Set<UInt> { threads.withLock { $0[step] ?? [] } }
  }

  init(_ kind: String, failing: Step? = nil, workers: Int = 1, log: Log = Log(), warning: String? = nil) {
    self.kind = kind
    self.failing = failing
    self.workers = workers
    self.log = log
    self.warning = warning
  }

  private func note(_ step: Step) throws(BlockError) {
    log.note(kind, step.rawValue)
    if step == failing { throw BlockError(.inputOutput, "\(kind) fails in \(step.rawValue)") }
  }

  func prepare(in graph: Graph) throws(BlockError) {
    _ = graph.nodes
    try note(.prepare)
  }

  func run(_ context: JobContext) throws(BlockError) {
    let log = log
    let kind = kind
    let barrier = Atomic(0)
    let workers = workers
    if workers > 1 {
      try Threads.run(workers) { (_: Int) throws(BlockError) in
        // All are at work at once, so that each has a thread of its own.
        barrier.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while barrier.load(ordering: .sequentiallyConsistent) < workers { Clock.sleep(seconds: 0.001) }
        log.note(kind, "input and output")
        context.advance(1)
      }
    }
    try note(.run)
  }

  func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    _ = graph.nodes
    if isFinal { log.noteFinal(kind) }
    try note(.commit)
  }
  func abort(in graph: Graph) {
    _ = graph.nodes
    log.note(kind, "abort")
  }
  func clean(in graph: Graph, warnings: inout [BlockError]) {
    _ = graph.nodes
    log.note(kind, "clean")
    if let warning { warnings.append(BlockError(.inputOutput, warning)) }
  }
}

@Suite("Jobs")
struct JobTests {
  @Test(
    "J-01 J-02 one job's course",
    arguments: [
      (
        nil, ["prepare", "run", "commit", "clean"], ["created", "running", "waiting", "pending", "concluded"]
      ),
      (
        .commit, ["prepare", "run", "commit", "abort", "clean"],
        ["created", "running", "waiting", "pending", "aborting", "concluded"]
      ),
      (.run, ["prepare", "run", "abort", "clean"], ["created", "running", "aborting", "concluded"]),
      (.prepare, ["prepare", "abort", "clean"], ["created", "aborting", "concluded"]),
    ] as [(TracingJob.Step?, [String], [String])])
  func course(_ failing: TracingJob.Step?, _ steps: [String], _ states: [String]) throws {
    let graph = Graph()
    let log = TracingJob.Log()
    let seen = Mutex<[String]>([])
    var runner = JobRunner(graph: graph)
    runner.trace = { kind, state in seen.withLock { $0.append(state.rawValue) } }
    let job = TracingJob("copy", failing: failing, log: log, warning: "node 'x' stays")
    if let failing {
      let error = #expect(throws: BlockError.self) { try runner.run(job) }
      #expect(error?.message == "copy fails in \(failing.rawValue)")
    } else {
      try runner.run(job)
    }
    #expect(log.steps == steps.map { "copy \($0)" })
    #expect(seen.withLock { $0 } == states)
    // What could not be cleaned is told apart from the job's own error.
    #expect(runner.warnings.map(\.message) == ["node 'x' stays"])
    #expect(graph.dump() == Graph().dump())
  }

  @Test("J-03 only run leaves the graph thread, and its I/O is on the workers")
  func threads() throws {
    let graph = Graph()
    let log = TracingJob.Log()
    let context = JobContext()
    context.expect(4)
    var runner = JobRunner(graph: graph, context: context)
    try runner.run(TracingJob("copy", workers: 4, log: log))
    #expect(log.threads(of: "input and output").count == 4)
    for step in ["prepare", "commit", "clean"] {
      #expect(log.threads(of: step) == [Threads.current], "\(step)")
    }
    #expect(context.progress.done == 4)
  }

  @Test("J-04 T-02 jobs of a group stay or go together", arguments: [TracingJob.Step.prepare, .run, .commit])
  func group(_ failing: TracingJob.Step) throws {
    let graph = Graph()
    let log = TracingJob.Log()
    var runner = JobRunner(graph: graph)
    let jobs = (1...4).map { TracingJob("\($0)", failing: $0 == 3 ? failing : nil, log: log) }
    let error = #expect(throws: BlockError.self) { try runner.run(group: jobs) }
    #expect(error?.message == "3 fails in \(failing.rawValue)")
    let prepared = failing == .prepare ? 3 : 4
    var steps = (1...prepared).map { "\($0) prepare" }
    if failing != .prepare { steps += (1...(failing == .run ? 3 : 4)).map { "\($0) run" } }
    if failing == .commit { steps += (1...3).map { "\($0) commit" } }
    // Newest first; the fourth was never begun where the third could not be prepared.
    steps += (1...prepared).reversed().map { "\($0) abort" } + (1...prepared).reversed().map { "\($0) clean" }
    #expect(log.steps == steps)
  }

  @Test("J-04 the last of a group alone is told that nothing can fail after it", arguments: [1, 3])
  func final(_ count: Int) throws {
    let log = TracingJob.Log()
    var runner = JobRunner(graph: Graph())
    try runner.run(group: (1...count).map { TracingJob("\($0)", log: log) })
    #expect(log.finalJobs == ["\(count)"])
  }

  @Test("progress stays within 0 and 100 while the total grows, and ends at 100")
  func progress() {
    let context = JobContext()
    #expect(context.progress.percent == 0)
    context.expect(10)
    context.advance(12)
    #expect(context.progress.percent == 100)
    context.expect(20)
    #expect(context.progress.done == 12)
    #expect(context.progress.percent == 40)
    context.finish()
    #expect(context.progress.percent == 100)
  }
}
