// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// Reads a size from the command line; `thing` is what the messages call it.
///
/// - Parameter warn: called where the number is easily misread.
/// - Throws: kind `invalidArgument` for what is no size, `tooLarge` for one of 2^63 bytes or more.
func parseSize(_ text: String, _ thing: String, warn: (String) -> Void) throws(BlockError) -> UInt64 {
  if SizeText.hasSuffixOnHex(text) {
    warn("Using a multiplier suffix on hex numbers is deprecated: \(text)")
  }
  do throws(SizeText.Failure) {
    return try SizeText.parse(text, limit: UInt64(Int64.max))
  } catch {
    switch error {
    case .invalid:
      throw BlockError(
        .invalidArgument,
        "Invalid \(thing) specified. You may use k, M, G, T, P or E suffixes for\n"
          + "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.")
    case .outOfRange:
      throw BlockError(
        .tooLarge, "Invalid \(thing) specified. Must be between 0 and \(Int64.max).")
    }
  }
}
