// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// Keeps all threads together below a number of bytes a second.
final class Pace: Sendable {
  private let bytesPerSecond: UInt64
  private let start = Clock.now
  private let sent = Counter()

  /// `bytesPerSecond` 0 means no limit.
  init(bytesPerSecond: UInt64) { self.bytesPerSecond = bytesPerSecond }

  /// Returns when `count` more bytes are due.
  ///
  /// - Throws: the error of an interruption, soon after the user asked for the end of the job.
  func wait(for count: UInt64, _ context: JobContext) throws(BlockError) {
    guard bytesPerSecond > 0 else { return }
    let before = sent.add(count)
    let due = start + Double(before) / Double(bytesPerSecond)
    while true {
      let rest = due - Clock.now
      guard rest > 0 else { return }
      // A signal wakes one thread only.
      Clock.sleep(seconds: min(rest, 0.1))
      try context.checkInterrupted()
    }
  }
}
