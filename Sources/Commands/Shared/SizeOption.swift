// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// Reads a size from the command line; `thing` is what the messages call it.
///
/// - Parameters:
///   - range: what it must be within.
///   - warn: called where the number is easily misread.
/// - Throws: kind `invalidArgument` for what is no size, `tooLarge` for one outside the range.
func parseSize(
  _ text: String, _ thing: String, in range: ClosedRange<UInt64> = 0...UInt64(Int64.max),
  warn: (String) -> Void
) throws(BlockError) -> UInt64 {
  if SizeText.hasSuffixOnHex(text) {
    warn("Using a multiplier suffix on hex numbers is deprecated: \(text)")
  }
  do throws(SizeText.Failure) {
    let size = try SizeText.parse(text, limit: range.upperBound)
    guard size >= range.lowerBound else { throw SizeText.Failure.outOfRange }
    return size
  } catch {
    switch error {
    case .invalid:
      throw BlockError(
        .invalidArgument,
        "Invalid \(thing) specified. You may use k, M, G, T, P or E suffixes for\n"
          + "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.")
    case .outOfRange:
      throw BlockError(
        .tooLarge, "Invalid \(thing) specified. Must be between \(range.lowerBound) and \(range.upperBound).")
    }
  }
}
