// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The state of an L2 table that a check has read.
struct TableState {
  /// Whether anything in it was found wrong.
  var isDamaged = false
  /// Whether marks for "refcount is 1" may be wrong in it.
  var hasWrongFlags = false
  /// How many of them are, once they were looked at.
  var wrongFlags: UInt32?
  /// References to the whole table beyond the first, not yet added to what it points to.
  var repeats: UInt32 = 0
  var allocated: UInt32 = 0
  var fragmented: UInt32 = 0
  var compressed: UInt32 = 0
}

/// The states of all L2 tables that a check has read, by host offset.
final class TableStates {
  private var states: [UInt64: TableState] = [:]
  /// Entries of tables that contradict something and are read again all the same; images that overlap their own
  /// tables could otherwise keep a check busy for ever.
  private var budget: UInt64 = 1 << 24
  /// Whether another table than the active L1 table leads there, which was told instead of counted.
  private(set) var hasClaimedL1 = false

  /// The state of a table; nil where it was not read.
  subscript(offset: UInt64) -> TableState? { states[offset] }

  /// Notes the state of a table that was just read. Wrong marks that an earlier reading found stay noted.
  func note(_ state: TableState, at offset: UInt64) {
    var state = state
    if let known = states[offset], known.hasWrongFlags { state.hasWrongFlags = true }
    states[offset] = state
  }

  /// Notes one more reference to a whole table.
  func addRepeat(at offset: UInt64) { states[offset]?.repeats &+= 1 }

  /// Notes how many marks are wrong in a table.
  func noteWrongFlags(_ count: UInt32, at offset: UInt64) { states[offset]?.wrongFlags = count }

  /// Notes that something else than the header leads to the active L1 table.
  func claimL1() { hasClaimedL1 = true }

  /// The offsets of tables with several references, in order.
  var repeated: [UInt64] {
    var repeated: [UInt64] = []
    for (offset, state) in states where state.repeats > 0 { repeated.append(offset) }
    repeated.sort()
    return repeated
  }

  /// Whether there is time to look at so many entries that were looked at before.
  func takeBudget(_ entries: UInt64) -> Bool {
    guard budget >= entries else { return false }
    budget -= entries
    return true
  }

  /// Gives up the memory of what was noted.
  func forget() { states = [:] }
}
