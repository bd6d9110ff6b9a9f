// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

extension UInt64 {
  /// The sum, or nil on overflow.
  @inlinable package func plus(_ other: UInt64) -> UInt64? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }

  /// The product, or nil on overflow.
  @inlinable package func times(_ other: UInt64) -> UInt64? {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? nil : product
  }

  /// The nearest multiple of `unit` that is no larger. `unit` must not be 0.
  @inlinable package func roundedDown(to unit: UInt64) -> UInt64 { self - self % unit }

  /// The nearest multiple of `unit` that is no smaller, or nil where it does not fit 64 bits.
  @inlinable package func roundedUp(to unit: UInt64) -> UInt64? {
    let rest = self % unit
    return rest == 0 ? self : plus(unit - rest)
  }

  /// How many units cover the number: the quotient rounded up. `unit` must not be 0.
  @inlinable package func dividedUp(by unit: UInt64) -> UInt64 {
    self / unit + (self % unit == 0 ? 0 : 1)
  }

  /// Whether the number is a multiple of `unit`, which must not be 0.
  @inlinable package func isMultiple(ofUnit unit: UInt64) -> Bool { self % unit == 0 }

  /// Whether exactly one bit is set.
  @inlinable package var isPowerOfTwo: Bool { nonzeroBitCount == 1 }
}
