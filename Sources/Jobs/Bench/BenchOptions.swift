// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// What `bench` is asked for.
public struct BenchOptions: Sendable {
  /// How many requests are sent.
  public var count: UInt64 = 75_000
  /// How many are under way at once, at least 1.
  public var depth: UInt64 = 64
  /// Where the first one goes, in bytes.
  public var offset: UInt64 = 0
  /// Bytes in a request.
  public var size: UInt64 = 4096
  /// How much further on each next one goes, in bytes; past the end it goes on at the start.
  public var step: UInt64 = 4096
  /// Whether the requests write.
  public var isWrite = false
  /// The byte that is written.
  public var pattern: UInt8 = 0
  /// After how many requests a flush is sent; 0 for never.
  public var flushInterval: UInt64 = 0
  /// Whether a flush waits until all requests before it are done.
  public var drains = true

  /// The usual run.
  public init() {}
}
