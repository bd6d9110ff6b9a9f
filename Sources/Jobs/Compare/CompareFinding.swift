// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
internal import Host

/// What could not be read while comparing.
public struct CompareFailure: Sendable {
  /// What was tried.
  public enum Step: Sendable {
    /// Asking what is where.
    case status
    /// Reading data.
    case read
  }

  /// What was tried.
  public let step: Step
  /// Whether it was the second image.
  public let isSecond: Bool
  /// Where, in bytes.
  public let offset: UInt64
  /// Why it failed.
  public let error: BlockError
}

/// Why a segment ends the comparison.
enum CompareOutcome {
  /// A difference, and where.
  case found(Comparison, UInt64)
  /// Something could not be read.
  case failed(CompareFailure)

  /// Where in the images, in bytes.
  var offset: UInt64 {
    switch self {
    case .found(_, let offset): offset
    case .failed(let failure): failure.offset
    }
  }
}

/// The finding nearest to the start of the images, of all that the threads come upon.
final class CompareFinding: @unchecked Sendable {
  private let monitor = Monitor()
  private var best: CompareOutcome?
  private var isStopped = false

  /// Offsets from here on do not matter.
  var limit: UInt64 {
    monitor.withLock { isStopped ? 0 : best?.offset ?? .max }
  }

  /// The finding, once all threads are done.
  var outcome: CompareOutcome? { monitor.withLock { best } }

  func note(_ outcome: CompareOutcome) {
    monitor.withLock {
      if let best, best.offset <= outcome.offset { return }
      best = outcome
    }
  }

  /// Tells the other threads to end.
  func stop() { monitor.withLock { isStopped = true } }
}
