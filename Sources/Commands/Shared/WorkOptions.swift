// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// Reads the most bytes that may be copied in a second; nil for no limit, which 0 says too.
func parseRateLimit(_ text: String?, warn: (String) -> Void) throws(BlockError) -> UInt64? {
  guard let text else { return nil }
  let rate = try parseSize(text, "rate limit", warn: warn)
  return rate == 0 ? nil : rate
}

/// Reads how many threads work; nil for one on each processor.
func parseThreads(_ text: String?) throws(BlockError) -> Int? {
  guard let text else { return nil }
  guard let count = try? ValueText.number(text, option: "parallel"), (1...16).contains(count) else {
    throw BlockError(
      .invalidArgument, "Invalid number of coroutines. Allowed number of coroutines is between 1 and 16")
  }
  return Int(count)
}
