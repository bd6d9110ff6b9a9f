// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors

/// What could not be read while comparing.
public struct CompareFailure: Sendable {
  /// What was tried.
  public enum Step: Sendable {
    /// Asking what is where.
    case status
    /// Reading data.
    case read
  }

  /// What was tried.
  public let step: Step
  /// Whether it was the second image.
  public let isSecond: Bool
  /// Where, in bytes.
  public let offset: UInt64
  /// Why it failed.
  public let error: BlockError
}

/// Why a segment ends the comparison.
enum CompareOutcome: Sendable {
  /// A difference.
  case found(Comparison)
  /// Something could not be read.
  case failed(CompareFailure)
}
