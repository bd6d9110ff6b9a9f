// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Synchronization

/// The link from a running job to its caller: it takes progress and warnings, and says whether to go on. Usable from worker
/// threads.
package final class JobContext: Sendable {
  private let done = Atomic<UInt64>(0)
  private let total = Atomic<UInt64>(0)
  private let interrupted: @Sendable () -> BlockError?
  private let report: @Sendable (Progress) -> Void
  private let warnings = Mutex<[BlockError]>([])

  /// How far a job is.
  package struct Progress: Sendable, Equatable {
    /// Work done, in the job's unit (bytes as a rule); never more than `total`.
    package var done: UInt64
    /// All the work; may grow.
    package var total: UInt64
    /// The part done, 0…100.
    package var percent: Double { total == 0 ? 0 : min(100, Double(done) * 100 / Double(total)) }
  }

  /// - Parameters:
  ///   - interrupted: asked now and then; an error it returns ends the job.
  ///   - report: called from any thread whenever progress was made.
  package init(
    interrupted: @escaping @Sendable () -> BlockError? = { nil },
    report: @escaping @Sendable (Progress) -> Void = { _ in }
  ) {
    self.interrupted = interrupted
    self.report = report
  }

  /// Adds to the work that is to be done.
  package func expect(_ work: UInt64) {
    total.wrappingAdd(work, ordering: .relaxed)
  }

  /// Notes work done.
  package func advance(_ work: UInt64) {
    done.wrappingAdd(work, ordering: .relaxed)
    report(progress)
  }

  /// Everything expected is done.
  package func finish() {
    done.store(total.load(ordering: .relaxed), ordering: .relaxed)
    report(progress)
  }

  /// How far the job is.
  package var progress: Progress {
    let total = total.load(ordering: .relaxed)
    return Progress(done: min(done.load(ordering: .relaxed), total), total: total)
  }

  /// Notes what the caller is to be told though the job goes on.
  package func warn(_ warning: BlockError) { warnings.withLock { $0.append(warning) } }

  /// The warnings since the last call.
  func takeWarnings() -> [BlockError] {
    warnings.withLock { warnings in
      defer { warnings = [] }
      return warnings
    }
  }

  /// Throws when the user asked for the end.
  package func checkInterrupted() throws(BlockError) {
    if let error = interrupted() { throw error }
  }
}
