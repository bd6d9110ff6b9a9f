// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
package import Host
internal import Synchronization

/// Takes space for a new file a little before it is written, where the file system then writes faster, and gives back what
/// came to nothing: holes stay holes. Nobody but its one driver may write to the file.
package final class SpaceAhead: Sendable {
  /// Bytes taken ahead, which are also those in a row from which on that is worth it.
  static let step: UInt64 = 4 << 20
  /// Nothing is taken ahead where the file system has less than this left, in bytes: others may need it.
  static let reserve: UInt64 = 256 << 20

  private struct State {
    /// Where the writes in a row began that reach the furthest.
    var start: UInt64 = 0
    /// Nothing was written from here on.
    var end: UInt64 = 0
    /// The end of what was taken; space behind `end` is ours to give back.
    var taken: UInt64 = 0
    /// Whether nothing more is taken. What is written is noted all the same: it is not ours.
    var isOver = false
  }

  private let file: File
  private let state = Mutex(State())

  /// For a file that is empty; nil where nothing is gained, unless that does not matter.
  package init?(_ file: File, evenWithoutGain: Bool = false) {
    guard evenWithoutGain || file.writesFasterIntoAllocated else { return nil }
    self.file = file
  }

  /// To be called before a range is written.
  func prepare(for range: Range<UInt64>) {
    state.withLock { state in
      guard range.upperBound > state.end else { return }
      if range.lowerBound > state.end { leave(&state, for: range) }
      state.end = range.upperBound
      if !state.isOver, state.taken < state.end, state.end - state.start >= SpaceAhead.step {
        take(from: range.lowerBound, &state)
      }
    }
  }

  /// Takes nothing more from here on, and leaves all space before `length` to the file.
  func stop(keeping length: UInt64) {
    state.withLock { state in
      state.isOver = true
      state.end = max(state.end, length)
    }
  }

  /// Gives back what was not written. To be called once, when nothing is being written any more.
  package func finish() {
    state.withLock { state in
      state.isOver = true
      guard state.taken > state.end, let length = try? file.length() else { return }
      let inside = min(state.taken, length)
      // An error means space that the file has and does not need.
      if inside > state.end { try? file.punchHole(at: state.end, length: inside - state.end) }
      if state.taken > length { try? file.truncate(to: length) }
      state.taken = 0
    }
  }

  private func take(from start: UInt64, _ state: inout State) {
    guard let end = state.end.plus(SpaceAhead.step), let available = try? file.availableSpace(),
      available >= SpaceAhead.reserve
    else { return state.isOver = true }
    let start = max(start, state.taken)
    state.taken = end
    do throws(BlockError) {
      try file.allocateAhead(at: start, length: end - start)
    } catch {
      // It may have taken a part.
      state.isOver = true
    }
  }

  /// Writing goes on behind a gap, which is to be a hole. Space behind the end of the file stays for what comes: only
  /// cutting the file would give it back, while others may be making it longer.
  private func leave(_ state: inout State, for range: Range<UInt64>) {
    state.start = range.lowerBound
    guard state.taken > state.end, var length = try? file.length() else { return }
    if length < range.lowerBound {
      // Holes are made before the end of a file only.
      guard (try? file.allocate(at: range.lowerBound, length: UInt64(range.count))) != nil else { return }
      length = range.upperBound
    }
    let end = min(state.taken, length)
    try? file.punchHole(at: state.end, length: end - state.end)
    if state.taken <= end { state.taken = 0 }
  }
}
