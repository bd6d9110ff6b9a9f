// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// The failure to read one of the images while comparing.
package struct CompareFailure: Sendable {
  /// The step that failed.
  package enum Step: Sendable {
    /// Asking what is where.
    case status
    /// Reading data.
    case read
  }

  /// The step that failed.
  package let step: Step
  /// Whether it was the second image.
  package let isSecond: Bool
  /// Where, in bytes.
  package let offset: UInt64
  /// Why it failed.
  package let error: BlockError
}

/// Why a segment ends the comparison.
enum CompareOutcome: Sendable {
  /// A difference.
  case found(Comparison)
  /// Something could not be read.
  case failed(CompareFailure)
}
