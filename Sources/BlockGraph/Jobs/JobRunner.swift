// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// Runs jobs to completion on the graph thread; cannot hang by itself.
package struct JobRunner {
  let graph: Graph
  let context: JobContext
  /// Called at each change of state, with the job's kind.
  package var trace: (String, JobState) -> Void = { _, _ in }
  /// What jobs warned of, and the failures to undo something, naming the node.
  package private(set) var warnings: [BlockError] = []

  /// A runner for one graph.
  package init(graph: Graph, context: JobContext = JobContext()) {
    self.graph = graph
    self.context = context
  }

  /// Runs one job.
  package mutating func run(_ job: any Job) throws(BlockError) {
    graph.requireThread()
    try run(group: [job])
  }

  /// Runs jobs that succeed or fail together: all are prepared, then run in order, then committed in order; when one
  /// fails, those begun are aborted, newest first. Each job that was begun is cleaned once.
  package mutating func run(group jobs: [any Job]) throws(BlockError) {
    graph.requireThread()
    var begun: [any Job] = []
    do throws(BlockError) {
      for job in jobs {
        trace(job.kind, .created)
        begun.append(job)
        try job.prepare(in: graph)
      }
      for job in jobs {
        trace(job.kind, .running)
        try job.run(context)
        trace(job.kind, .waiting)
      }
      for (index, job) in jobs.enumerated() {
        trace(job.kind, .pending)
        try job.commit(in: graph, isFinal: index == jobs.count - 1)
      }
    } catch {
      for job in begun.reversed() {
        trace(job.kind, .aborting)
        job.abort(in: graph)
      }
      for failure in clean(begun.reversed()) { warnings.append(failure) }
      throw error
    }
    let failures = clean(begun)
    for failure in failures.dropFirst() { warnings.append(failure) }
    if let failure = failures.first { throw failure }
  }

  /// Returns what went wrong in closing what was written.
  private mutating func clean(_ jobs: [any Job]) -> [BlockError] {
    var failures: [BlockError] = []
    warnings += context.takeWarnings()
    for job in jobs {
      job.clean(in: graph, warnings: &warnings)
      if let failure = job.closeFailure { failures.append(failure) }
      trace(job.kind, .concluded)
    }
    return failures
  }
}
