// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host

/// Keeps all threads together below a number of bytes a second.
final class Pace: Sendable {
  private let bytesPerSecond: UInt64
  private let start = Clock.now
  private let sent = Counter()

  /// `bytesPerSecond` 0 means no limit.
  init(bytesPerSecond: UInt64) { self.bytesPerSecond = bytesPerSecond }

  /// Returns when `count` more bytes are due.
  func wait(for count: UInt64) {
    guard bytesPerSecond > 0 else { return }
    let before = sent.add(count)
    let due = Double(before) / Double(bytesPerSecond)
    let passed = Clock.now - start
    if due > passed { Clock.sleep(seconds: due - passed) }
  }
}
