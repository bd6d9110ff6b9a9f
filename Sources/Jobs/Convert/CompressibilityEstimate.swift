// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// How much of what images store a copy of them has to store, too.
struct CompressibilityEstimate {
  /// The images.
  let sources: [Edge]

  /// How many places are looked at, and how many bytes at each.
  private static let samples = 256
  private static let sampleBytes: UInt64 = 4096
  /// How much of the samples is taken for chance: by Hoeffding's inequality, one copy in five hundred million has less
  /// content than the rest of them tells.
  private static let doubt = 0.2

  /// Bytes that are stored and not known to be zero. A range that cannot be looked at counts nothing.
  func bytes() -> UInt64 {
    var total: UInt64 = 0
    forEachRun { _, run in total = total.plus(run.upperBound - run.lowerBound) ?? .max }
    return total
  }

  /// Bytes that a copy holds which leaves zeros out: stored bytes may be zeros all the same, which is found out by
  /// looking at random places. `least` is the number that they prove.
  func content() -> (least: UInt64, likely: UInt64) {
    let total = bytes()
    guard total > 0 else { return (0, 0) }
    var places: [UInt64] = []
    for _ in 0..<CompressibilityEstimate.samples { places.append(UInt64.random(in: 0..<total)) }
    places.sort()
    var (seen, filled, start, next) = (0, 0, UInt64(0), 0)
    forEachRun { edge, run in
      let end = start + (run.upperBound - run.lowerBound)
      while next < places.count, places[next] < end {
        let offset = run.lowerBound + (places[next] - start)
        next += 1
        seen += 1
        filled += sectors(of: edge, around: offset, in: run)
      }
      start = end
    }
    guard seen > 0 else { return (0, total) }
    let share = Double(filled) / Double(seen * CompressibilityEstimate.sectorsOfSample)
    func part(_ share: Double) -> UInt64 { UInt64(Double(total) * max(0, share)) }
    return (part(share - CompressibilityEstimate.doubt), share > 0.999 ? total : part(share))
  }

  private static let sector = 512
  private static let sectorsOfSample = Int(sampleBytes) / sector

  /// How many sectors are not zero in the unit around `offset`: copies may leave out any of them.
  private func sectors(of edge: Edge, around offset: UInt64, in run: Range<UInt64>) -> Int {
    let first = max(offset.roundedDown(to: CompressibilityEstimate.sampleBytes), run.lowerBound)
    let last = min(first + CompressibilityEstimate.sampleBytes, run.upperBound)
    // Bytes that cannot be read will not be written.
    guard let buffer = try? edge.read(at: first, count: Int(last - first)) else { return 0 }
    var count = 0
    var position = 0
    while position < buffer.count {
      let end = min(position + CompressibilityEstimate.sector, buffer.count)
      if !buffer.bytes.slice(position..<end).isZero { count += 1 }
      position = end
    }
    return count
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
