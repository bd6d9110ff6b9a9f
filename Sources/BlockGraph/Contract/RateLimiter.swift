// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A limit to the rate of requests; all nodes that name it share it.
package protocol RateLimiter: Sendable {
  /// Returns when one more request is due.
  ///
  /// - Parameters:
  ///   - length: the bytes that it reads or writes.
  ///   - isWrite: whether it writes.
  func wait(length: UInt64, isWrite: Bool)
}
