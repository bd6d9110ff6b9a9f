// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// How much of what images store a copy of them has to store, too.
struct StoredData {
  /// The images.
  let sources: [Edge]

  /// How many places are looked at, and how many bytes at each: what a sparse copy leaves out at least.
  private static let samples: UInt64 = 256
  private static let sampleBytes = 4096

  /// Bytes that are stored and not known to be zero. What cannot be looked at counts nothing.
  func bytes() -> UInt64 {
    var total: UInt64 = 0
    forEachRun { _, run in total = total.plus(run.upperBound - run.lowerBound) ?? .max }
    return total
  }

  /// Bytes of the `total` that are not zero either, at least: what is stored may be zeros all the same, which is found
  /// out in places that lie evenly between the others, and taken for less than it looks by three standard deviations.
  func leastContent(of total: UInt64) -> UInt64 {
    let step = max(total / StoredData.samples, UInt64(StoredData.sampleBytes))
    var (seen, filled) = (0.0, 0.0)
    var skip = step / 2
    forEachRun { edge, run in
      var position = run.lowerBound
      while run.upperBound - position > skip {
        position += skip
        skip = step
        let count = Int(min(UInt64(StoredData.sampleBytes), run.upperBound - position))
        // What cannot be read will not be written.
        guard let buffer = try? edge.read(at: position, count: count) else { continue }
        seen += 1
        if !buffer.bytes.isZero { filled += 1 }
      }
      skip -= run.upperBound - position
    }
    guard seen > 0 else { return 0 }
    let share = filled / seen
    let least = share - 3 * (share * (1 - share) / seen).squareRoot()
    return UInt64(Double(total) * max(0, least))
  }

  /// Calls `body` with every run of stored bytes.
  private func forEachRun(_ body: (Edge, Range<UInt64>) -> Void) {
    for edge in sources {
      var position: UInt64 = 0
      while position < edge.length,
        let status = try? edge.chainStatus(at: position, length: edge.length - position)
      {
        if status.isData && !status.isZero { body(edge, position..<position + status.length) }
        position += status.length
      }
    }
  }
}
