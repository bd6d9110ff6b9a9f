// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host

/// The result of comparing two images.
package enum Comparison: Sendable, Equatable {
  /// Both read the same; where the lengths differ, the rest of the longer one is zero.
  case identical
  /// The first difference is in the 512 bytes at this offset.
  case different(offset: UInt64)
  /// By strict rules: the lengths differ.
  case sizesDiffer
  /// By strict rules: one image has something at this offset where the other has nothing.
  case statusDiffers(offset: UInt64)
}

/// Reads two images side by side until a difference is found.
package final class CompareJob: Job {
  /// `compare`.
  package let kind = "compare"
  /// The result, once the job has run.
  package private(set) var result = Comparison.identical
  /// Whether the common part is the same and one image goes on.
  package private(set) var sizesDiffer = false
  /// Called, on the graph thread, once that is known, before the rest is looked at.
  package var warnOfSizes: () -> Void = {}
  /// The failure to read one of the images; the job then throws.
  package private(set) var failure: CompareFailure?
  private let left: Edge
  private let right: Edge
  private let isStrict: Bool
  /// More threads than this do not help: both images would have to come from memory already.
  private static let threads = 2

  /// - Parameter isStrict: whether differences of length or allocation count.
  package init(_ left: Edge, _ right: Edge, isStrict: Bool) {
    self.left = left
    self.right = right
    self.isStrict = isStrict
  }

  /// Compares.
  ///
  /// - Throws: the first thing that could not be read, where no difference comes before it.
  package func run(_ context: JobContext) throws(BlockError) {
    let (shorter, longer) = (min(left.length, right.length), max(left.length, right.length))
    if isStrict && shorter != longer {
      result = .sizesDiffer
      return
    }
    context.expect(longer)
    try compare(0..<shorter, context)
    guard result == .identical, shorter < longer else { return }
    sizesDiffer = true
    warnOfSizes()
    try compare(shorter..<longer, context)
  }

  private func compare(_ range: Range<UInt64>, _ context: JobContext) throws(BlockError) {
    guard !range.isEmpty else { return }
    let segments = (range.upperBound - range.lowerBound - 1) / CompareWalk.segment + 1
    let threads = Int(min(UInt64(CompareJob.threads), segments))
    let walk = CompareWalk(range, (0..<threads).map { _ in CompareReader(left, right, isStrict: isStrict) })
    let scheduler = SegmentScheduler<CompareSegment>(
      threads: threads, capacity: threads, context: context, next: { slot in walk.next(slot) },
      stages: [
        .search(.together) { segment in
          segment.outcome = segment.reader.compare(segment.range)
          return segment.outcome == nil ? .goesOn : .ends
        }
      ])
    switch try scheduler.run()?.outcome {
    case nil: return
    case .found(let comparison): result = comparison
    case .failed(let failure):
      self.failure = failure
      throw failure.error
    }
  }
}
