// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// A small image with one defect, and what each command has to make of it.
struct BrokenImage: Sendable, CustomTestStringConvertible {
  /// What commands make of an image.
  enum Outcome: Sendable {
    /// No command opens it; the reason.
    case refused(String)
    /// `info` describes it, `check` ends with a status after telling a finding, and reading succeeds or ends
    /// with a reason.
    case opened(check: Int32, finding: String = "", map: String? = nil, convert: String? = nil)
    /// `info` describes it, and where only a backing file is amiss `check` checks it; the others do not open it;
    /// the reason.
    case described(String)
  }

  let name: String
  let shape: SampleQcow2.Shape
  let outcome: Outcome
  let change: @Sendable (inout SampleQcow2) -> Void

  init(
    _ name: String, _ shape: SampleQcow2.Shape, _ outcome: Outcome,
    change: @escaping @Sendable (inout SampleQcow2) -> Void
  ) {
    self.name = name
    self.shape = shape
    self.outcome = outcome
    self.change = change
  }

  init(_ name: String, _ outcome: Outcome, change: @escaping @Sendable (inout SampleQcow2) -> Void) {
    self.init(name, .plain, outcome, change: change)
  }

  var testDescription: String { name }

  /// The image with its defect.
  var image: SampleQcow2 {
    var image = SampleQcow2(shape)
    change(&image)
    return image
  }

  static let all =
    header + features + extensions + l1 + l2 + refcounts + snapshots + bitmaps + otherFiles + cut
}
