// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Options

/// A disk that several images hold alike: all are written, and what enough of them say is what is read.
package struct QuorumFilter: DriverKind {
  /// Makes the kind.
  package init() {}

  /// `quorum`.
  package var name: String { "quorum" }
  /// It has no images of its own.
  package var isFilter: Bool { true }
  /// The images are its children.
  package var fileOption: String? { nil }
  /// `children.0`, `children.1` and so on.
  package var childOptions: [ChildOption] {
    [ChildOption(.children, role: .data, isStorage: false, isList: true)]
  }

  /// Takes `vote-threshold`, `blkverify` (a vote that is not unanimous ends the program's work), `rewrite-corrupted`
  /// (what was outvoted is written anew) and `read-pattern`.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let children = QuorumDriver.children(of: request.node)
    guard !children.isEmpty else {
      throw BlockError(.invalidArgument, "Number of provided children must be 1 or more")
    }
    let rules = try QuorumRules(takingFrom: &request.options, children: children.count)
    try QuorumDriver.refuseLengths(of: children)
    return OpenedDriver(QuorumDriver(rules))
  }
}

/// How a quorum votes.
struct QuorumRules {
  /// The children that a read asks.
  enum Pattern: String {
    /// All, and they vote.
    case quorum
    /// One after the other, until one answers.
    case fifo
  }

  /// How many have to agree.
  let threshold: Int
  let mustAgree: Bool
  let rewrites: Bool
  let pattern: Pattern

  /// - Throws: kind `invalidArgument` for what makes no sense, in `qemu-img`'s order.
  init(takingFrom options: inout OptionObject, children: Int) throws(BlockError) {
    // As many bits as `qemu-img` looks at.
    let threshold = Int32(truncatingIfNeeded: try options.takeNumber("vote-threshold") ?? 0)
    guard threshold >= 1 else {
      throw BlockError(.invalidArgument, "Parameter 'vote-threshold' expects a value >= 1")
    }
    guard threshold <= children else {
      throw BlockError(.invalidArgument, "threshold may not exceed children count")
    }
    let text = try options.takeString("read-pattern") ?? Pattern.quorum.rawValue
    guard let pattern = Pattern(rawValue: text) else {
      throw BlockError(.invalidArgument, "Please set read-pattern as fifo or quorum")
    }
    // One that is asked alone does not vote.
    let isVote = pattern == .quorum
    let mustAgree = try options.takeBool("blkverify") ?? false && isVote
    let rewrites = try options.takeBool("rewrite-corrupted") ?? false && isVote
    if mustAgree, children != 2 || threshold != 2 {
      throw BlockError(
        .invalidArgument,
        "blkverify=on can only be set if there are exactly two files and vote-threshold is 2")
    }
    if mustAgree && rewrites {
      throw BlockError(.invalidArgument, "rewrite-corrupted=on cannot be used with blkverify=on")
    }
    self.threshold = Int(threshold)
    self.pattern = pattern
    self.mustAgree = mustAgree
    self.rewrites = rewrites
  }
}

extension EdgeSlot {
  static let children = EdgeSlot(rawValue: "children")
}
