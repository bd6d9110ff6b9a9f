// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Draws the progress of a job on one line of standard output, and obeys signals meanwhile.
///
/// The line is `    (12.34/100%)` and a carriage return, drawn anew at each whole per cent. SIGUSR1 prints the
/// same with a line feed to standard error, drawn or not. SIGINT, SIGTERM and SIGHUP end the job.
final class ProgressReporter: Sendable {
  private let isShown: Bool
  private let state = Monitor()
  private let shown = Shown()

  private final class Shown: @unchecked Sendable {
    /// The last hundredth of a per cent drawn, nil where nothing was.
    var last: UInt64?
    var requests: UInt32 = 0
  }

  /// Notes signals from now on; draws the first line where progress `isShown`, at once or when there is some.
  init(isShown: Bool, atOnce: Bool = true) {
    self.isShown = isShown
    Signals.note()
    shown.requests = Signals.progressRequests
    if isShown && atOnce { draw(0) }
  }

  /// What a job is given to tell its progress and to ask whether to go on.
  func makeContext() -> JobContext {
    JobContext(
      interrupted: { ProgressReporter.interruption }, report: { progress in self.note(progress) })
  }

  /// Draws that nothing is done yet, unless something was drawn before.
  func start() {
    guard isShown else { return }
    state.withLock { begin() }
  }

  /// Draws that all is done, also where there was nothing to do.
  func complete() {
    guard isShown else { return }
    state.withLock {
      begin()
      draw(10_000)
    }
  }

  /// Ends the line, if there is one.
  func finish() {
    state.withLock { if shown.last != nil { Stream.output.write("\n") } }
  }

  private func begin() {
    if shown.last == nil { draw(0) }
  }

  private static var interruption: BlockError? {
    Signals.terminating.map { BlockError(.interrupted, "Interrupted by signal \($0)") }
  }

  private func note(_ progress: JobContext.Progress) {
    let hundredths = ProgressReporter.hundredths(progress)
    state.withLock {
      let requests = Signals.progressRequests
      if requests != shown.requests {
        shown.requests = requests
        Stream.error.write(ProgressReporter.line(hundredths) + "\n")
      }
      guard isShown else { return }
      begin()
      if let last = shown.last, hundredths < last + 100, hundredths < 10_000 || last == hundredths { return }
      draw(hundredths)
    }
  }

  private func draw(_ hundredths: UInt64) {
    shown.last = hundredths
    Stream.output.write(ProgressReporter.line(hundredths) + "\r")
  }

  static func hundredths(_ progress: JobContext.Progress) -> UInt64 {
    UInt64((progress.percent * 100).rounded())
  }

  static func line(_ hundredths: UInt64) -> String { "    (\(Columns.fixed(hundredths))/100%)" }
}
