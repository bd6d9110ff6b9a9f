// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Host

/// Keeps a write that has to read, merge and write back whole blocks apart from all other writes to the same
/// blocks: else one of two neighbours in a block would be lost.
package final class BusyRanges: @unchecked Sendable {
  private struct Entry {
    var range: Range<UInt64>
    var isAlone: Bool
    var number: UInt64
  }

  private let lock = ConditionLock()
  private var entries: [Entry] = []
  private var nextNumber: UInt64 = 0

  /// Nothing is busy.
  package init() {}

  /// Runs `body` once no other entry stands in the way: with `alone`, any that overlaps `range`; otherwise
  /// only those that are alone themselves. Without `isNeeded`, at once.
  ///
  /// `range` is looked at again after each wait: it may have changed by the work of others.
  package func run(
    _ range: @autoclosure () -> Range<UInt64>, alone: Bool, isNeeded: Bool = true,
    _ body: () throws(BlockError) -> Void
  )
    throws(BlockError)
  {
    guard isNeeded else { return try body() }
    let number = begin(range, alone: alone)
    defer { end(number) }
    try body()
  }

  private func begin(_ range: () -> Range<UInt64>, alone: Bool) -> UInt64 {
    lock.lock()
    defer { lock.unlock() }
    var wanted = range()
    while isBlocked(wanted, alone: alone) {
      lock.wait()
      wanted = range()
    }
    nextNumber += 1
    entries.append(Entry(range: wanted, isAlone: alone, number: nextNumber))
    return nextNumber
  }

  private func isBlocked(_ range: Range<UInt64>, alone: Bool) -> Bool {
    for entry in entries where entry.range.overlaps(range) && (alone || entry.isAlone) { return true }
    return false
  }

  private func end(_ number: UInt64) {
    lock.withLock {
      entries.removeAll { $0.number == number }
      lock.notifyAll()
    }
  }
}
