// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Time that only goes forward.
package enum Clock {
  /// Seconds since some moment in the past.
  package static var now: Double { seconds(CLOCK_MONOTONIC) }

  /// Seconds that the processors have worked for the calling thread; other work on the machine is not in them.
  package static var ofThread: Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Waits; a signal ends the wait early.
  package static func sleep(seconds: Double) {
    guard seconds > 0 else { return }
    let whole = seconds.rounded(.down)
    var time = timespec(tv_sec: Int(min(whole, 1e9)), tv_nsec: Int((seconds - whole) * 1e9))
    unsafe nanosleep(&time, nil)
  }
}

/// The time of day.
package enum WallClock {
  /// Seconds since 1970 and the nanoseconds on top; seconds past 2106 stay at the largest number.
  package static var now: (seconds: UInt32, nanoseconds: UInt32) {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return (UInt32(clamping: time.tv_sec), UInt32(clamping: time.tv_nsec))
  }
}

/// A number that many threads add to.
package final class Counter: Sendable {
  private let value = Atomic<UInt64>(0)

  /// Starts at 0.
  package init() {}

  /// Adds and returns what it was before.
  package func add(_ amount: UInt64) -> UInt64 {
    value.wrappingAdd(amount, ordering: .relaxed).oldValue
  }
}
