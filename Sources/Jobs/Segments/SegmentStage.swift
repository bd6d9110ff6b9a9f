// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// One step on the way of every segment through a `SegmentScheduler`.
struct SegmentStage<Segment: Sendable>: Sendable {
  /// How segments pass through the stage.
  enum Passage: Sendable {
    /// Any number at once.
    case together
    /// One at a time.
    case singly
    /// One at a time, in the order in which they were taken.
    case inOrder
  }

  /// Whether the segments behind one still matter.
  enum Verdict: Sendable {
    /// They do.
    case goesOn
    /// They do not.
    case ends
  }

  let passage: Passage
  let body: @Sendable (Segment) throws(BlockError) -> Verdict

  /// A stage that every segment passes.
  static func step(
    _ passage: Passage, _ body: @escaping @Sendable (Segment) throws(BlockError) -> Void
  ) -> SegmentStage {
    SegmentStage(passage: passage) { segment throws(BlockError) in
      try body(segment)
      return .goesOn
    }
  }

  /// A stage that looks for the first segment of a kind.
  static func search(
    _ passage: Passage, _ body: @escaping @Sendable (Segment) throws(BlockError) -> Verdict
  ) -> SegmentStage {
    SegmentStage(passage: passage, body: body)
  }
}
