// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Shows the progress of a job, and obeys signals meanwhile.
///
/// As a rule that is one line of standard output, `    (12.34/100%)` and a carriage return, drawn anew at each
/// whole per cent; the command line may ask for a bar or for JSON instead. SIGUSR1 prints the line with a line
/// feed to standard error, shown or not. SIGINT, SIGTERM and SIGHUP end the job.
final class ProgressReporter: Sendable {
  private let isShown: Bool
  private let form: ProgressForm
  private let phase: String
  private let startTime = Clock.now
  private let state = ConditionLock()
  private let shown = Shown()

  private final class Shown: @unchecked Sendable {
    /// The last hundredth of a per cent drawn, nil where nothing was.
    var last: UInt64?
    /// When it was drawn.
    var time = 0.0
    /// The work known of last.
    var progress: JobContext.Progress?
    var requests: UInt32 = 0
  }

  /// Draws the first line where progress `isShown`, at once or when there is some.
  init(_ phase: String, as form: ProgressForm, isShown: Bool, atOnce: Bool) {
    self.phase = phase
    self.form = form
    self.isShown = isShown
    Signals.expectCleanEnd()
    shown.requests = Signals.progressRequests
    if isShown && atOnce { draw(0) }
  }

  /// The context that lets a job tell its progress and ask whether to go on.
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
      if form == .line || shown.last != 10_000 { draw(10_000) }
    }
  }

  /// Ends the line, if there is one that has not been ended; with `always`, also where progress is shown and
  /// nothing was drawn.
  func finish(always: Bool = false) {
    state.withLock {
      guard shown.last != nil || (always && isShown) else { return }
      shown.last = nil
      switch form {
      case .line: Stream.output.write("\n")
      case .bar: Stream.error.write("\n")
      case .json: break
      }
    }
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
      shown.progress = progress
      let requests = Signals.progressRequests
      if requests != shown.requests {
        shown.requests = requests
        Stream.error.write(ProgressReporter.line(hundredths) + "\n")
      }
      guard isShown else { return }
      begin()
      guard isDue(hundredths) else { return }
      draw(hundredths)
    }
  }

  /// Whether enough has changed since the last time.
  private func isDue(_ hundredths: UInt64) -> Bool {
    guard let last = shown.last, last != hundredths else { return false }
    if hundredths >= 10_000 || hundredths >= last + 100 { return true }
    return form != .line && Clock.now - shown.time >= 0.2
  }

  private func draw(_ hundredths: UInt64) {
    shown.last = hundredths
    shown.time = Clock.now
    switch form {
    case .line: Stream.output.write(ProgressReporter.line(hundredths) + "\r")
    case .bar: Stream.error.write(picture(hundredths).bar + "\r")
    case .json(let descriptor): Stream.write(picture(hundredths).json + "\n", to: descriptor)
    }
  }

  private func picture(_ hundredths: UInt64) -> ProgressPicture {
    var picture = ProgressPicture(
      phase: phase, done: shown.progress?.done ?? 0, total: shown.progress?.total ?? 0,
      seconds: shown.time - startTime)
    picture.isComplete = hundredths >= 10_000
    return picture
  }

  static func hundredths(_ progress: JobContext.Progress) -> UInt64 {
    Columns.hundredths(progress.percent)
  }

  static func line(_ hundredths: UInt64) -> String { "    (\(Columns.fixed(hundredths))/100%)" }
}
