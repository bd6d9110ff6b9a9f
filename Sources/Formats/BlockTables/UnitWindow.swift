// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A set of units of a file, seen through a window that moves over them, so that it takes bounded memory.
struct UnitWindow {
  /// Units that a window shows at once: 32 MiB of bits.
  private static let largest: UInt64 = 1 << 28

  private let end: UInt64
  private var range: Range<UInt64>
  private var words: [UInt64] = []

  /// An empty set of the units below `end`; `advance` moves the window onto the first.
  init(of end: UInt64) {
    self.end = end
    range = 0..<0
  }

  /// Moves the window on, where there is more to see; units of the former window are forgotten.
  mutating func advance() -> Bool {
    guard range.upperBound < end else { return false }
    range = range.upperBound..<min(end, range.upperBound + UnitWindow.largest)
    words = Array(repeating: 0, count: (range.count + 63) / 64)
    return true
  }

  /// Whether there is more behind the window.
  var hasMore: Bool { range.upperBound < end }

  /// Puts units into the set, as far as the window shows them; false where one was there already.
  mutating func insert(_ units: Range<UInt64>) -> Bool {
    let shown = units.clamped(to: range)
    var isNew = true
    var unit = shown.lowerBound
    while unit < shown.upperBound {
      let index = unit - range.lowerBound
      let count = min(64 - index % 64, shown.upperBound - unit)
      let bits = (count == 64 ? UInt64.max : (1 << count) - 1) << (index % 64)
      if words[Int(index / 64)] & bits != 0 { isNew = false }
      words[Int(index / 64)] |= bits
      unit += count
    }
    return isNew
  }

  /// Calls `body` with each run of units in the window that are not in the set, until it answers false.
  func forEachAbsentRun(_ body: (Range<UInt64>) -> Bool) {
    var start: UInt64?
    func end(at unit: UInt64) -> Bool {
      defer { start = nil }
      return start.map { body($0..<unit) } ?? true
    }
    for (index, word) in words.enumerated() {
      let base = range.lowerBound + UInt64(index) * 64
      if word == 0, base + 64 <= range.upperBound {
        if start == nil { start = base }
      } else if word == .max {
        guard end(at: base) else { return }
      } else {
        for bit in 0..<min(64, range.upperBound - base) {
          if word >> bit & 1 == 0 {
            if start == nil { start = base + bit }
          } else if !end(at: base + bit) {
            return
          }
        }
      }
    }
    _ = end(at: range.upperBound)
  }
}
