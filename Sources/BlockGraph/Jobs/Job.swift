// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// A piece of work with a fixed course: `prepare`, `run`, then `commit` or `abort`, then `clean`.
///
/// All but `run` are called on the graph thread and may change the graph; `run` does the I/O and may use
/// threads, which it joins.
package protocol Job: AnyObject {
  /// The word for the job in messages, such as `convert`.
  var kind: String { get }
  /// Takes edges, permissions and freezes. When it throws, `run` is never entered.
  func prepare(in graph: Graph) throws(BlockError)
  /// Does the work, as far as others cannot see it yet.
  func run(_ context: JobContext) throws(BlockError)
  /// The work of this job, and of those in its group, is done: let others see it, such as a file under its name. A
  /// commit is taken back with `abort` where that of a later job in the group throws.
  ///
  /// - Parameter isFinal: whether this is the last job of its group, so that nothing need be kept to take it back.
  /// - Throws: when nothing of this job is to be seen, or it can be taken back with `abort`.
  func commit(in graph: Graph, isFinal: Bool) throws(BlockError)
  /// The work failed somewhere, in this job or another of its group: take back what can be.
  func abort(in graph: Graph)
  /// The error with which `clean` failed to close the images that the job has written, and which it could not throw:
  /// the job's error, unless it has one already.
  var closeFailure: BlockError? { get }
  /// Gives back what `prepare` took. Called exactly once in every case, also without `prepare`.
  func clean(in graph: Graph, warnings: inout [BlockError])
}

extension Job {
  /// Nothing to take.
  package func prepare(in graph: Graph) throws(BlockError) {}
  /// Nothing to be seen.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {}
  /// Nothing was closed that had been written.
  package var closeFailure: BlockError? { nil }
  /// Nothing to take back.
  package func abort(in graph: Graph) {}
  /// Nothing to give back.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {}
}

/// The states a job passes through.
package enum JobState: String, Sendable {
  /// Made, not begun.
  case created
  /// In `run`.
  case running
  /// `run` is over.
  case waiting
  /// About to commit.
  case pending
  /// About to abort.
  case aborting
  /// Cleaned.
  case concluded
}
