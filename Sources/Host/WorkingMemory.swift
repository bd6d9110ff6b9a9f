// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Memory that libraries take for a short time and in large blocks, by threads that wait for each other where it would be
/// more than they may take together.
package final class WorkingMemory: Sendable {
  private let most: UInt64
  private let gate = ConditionLock()
  private let use = Use()

  /// Guarded by the lock.
  private final class Use: @unchecked Sendable {
    var bytes: UInt64 = 0
  }

  /// Memory of `most` bytes; a thread that needs more has it alone.
  package init(most: UInt64) {
    self.most = most
    // The C library keeps what was given up for the thread that took it.
    linux_return_blocks(1 << 18)
  }

  /// Waits until there is room for `bytes`; the caller gives them back.
  package func lock(_ bytes: UInt64) {
    gate.lock()
    while use.bytes > 0, bytes > most - min(use.bytes, most) { gate.wait() }
    use.bytes += bytes
    gate.unlock()
  }

  /// Gives back what was taken.
  package func unlock(_ bytes: UInt64) {
    gate.withLock {
      use.bytes -= bytes
      gate.notifyAll()
    }
  }
}
