// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A set of spaces of a file, seen through a window that moves over them, so that it takes bounded memory.
struct SpaceWindow {
  /// Spaces that a window shows at once: 32 MiB of bits.
  private static let largest: UInt64 = 1 << 28

  private let end: UInt64
  private var range: Range<UInt64>
  private var words: [UInt64] = []

  /// An empty set of the spaces below `end`; `advance` moves the window onto the first.
  init(of end: UInt64) {
    self.end = end
    range = 0..<0
  }

  /// Moves the window on, where there is more to see; what was in it is forgotten.
  mutating func advance() -> Bool {
    guard range.upperBound < end else { return false }
    range = range.upperBound..<min(end, range.upperBound + SpaceWindow.largest)
    words = Array(repeating: 0, count: (range.count + 63) / 64)
    return true
  }

  /// Whether there is more behind the window.
  var hasMore: Bool { range.upperBound < end }
  /// Spaces that the window shows.
  var count: UInt64 { UInt64(range.count) }

  /// Whether the window shows a space.
  func contains(_ space: UInt64) -> Bool { range.contains(space) }

  /// Puts a space into the set, where the window shows it; false where it was there already.
  mutating func insert(_ space: UInt64) -> Bool {
    guard range.contains(space) else { return true }
    let index = Int(space - range.lowerBound)
    let bit = UInt64(1) << UInt64(index % 64)
    guard words[index / 64] & bit == 0 else { return false }
    words[index / 64] |= bit
    return true
  }

  /// Calls `body` with each space of the window that is not in the set, until it answers false.
  func forEachAbsent(_ body: (UInt64) -> Bool) {
    for (index, word) in words.enumerated() {
      var absent = ~word
      while absent != 0 {
        let space = range.lowerBound + UInt64(index * 64 + absent.trailingZeroBitCount)
        guard space < range.upperBound else { return }
        guard body(space) else { return }
        absent &= absent - 1
      }
    }
  }
}
