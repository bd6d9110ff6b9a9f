// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Finds what was probably meant by a misspelt name.
package enum Nearest {
  /// The name that is closest to `text`, if any is close: about one letter in three may be wrong.
  package static func name(to text: String, among names: [String]) -> String? {
    guard !text.isEmpty, text.utf8.count <= 64 else { return nil }
    let allowed = max(1, min(3, (text.utf8.count + 1) / 3))
    var best: (name: String, distance: Int)?
    for name in names {
      let distance = distance(Array(text.utf8), Array(name.utf8))
      if distance <= allowed, distance < (best?.distance ?? .max) { best = (name, distance) }
    }
    return best?.name
  }

  /// How many letters must be put in, taken out, changed, or exchanged with their neighbour.
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var rows = [Array(0...right.count)]
    for (row, letter) in left.enumerated() {
      var next = [row + 1]
      for (column, other) in right.enumerated() {
        var least = min(next[column], rows[row][column + 1]) + 1
        least = min(least, rows[row][column] + (letter == other ? 0 : 1))
        if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
          least = min(least, rows[row - 1][column - 1] + 1)
        }
        next.append(least)
      }
      rows.append(next)
    }
    return rows[left.count][right.count]
  }
}
