// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The options of `bench`.
package struct BenchOptions: Sendable {
  /// How many requests are sent.
  package var count: UInt64 = 75_000
  /// How many are under way at once, at least 1.
  package var depth: UInt64 = 64
  /// Where the first one goes, in bytes.
  package var offset: UInt64 = 0
  /// Bytes in a request.
  package var size: UInt64 = 4096
  /// How much further on each next one goes, in bytes; past the end it goes on at the start.
  package var step: UInt64 = 4096
  /// Whether the requests write.
  package var isWrite = false
  /// The byte that is written.
  package var pattern: UInt8 = 0
  /// After how many requests a flush is sent; 0 for never.
  package var flushInterval: UInt64 = 0
  /// Whether a flush waits until all requests before it are done.
  package var drains = true

  /// The usual run.
  package init() {}
}
