// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// Whether the result is asked for as JSON; found out before the command line is read, so that what is wrong with
/// that can be told as JSON, too.
struct ResultRequest {
  /// Whether it is.
  private(set) var isJSON = false
  /// Whether the command prints its result as JSON itself.
  let ownsOutput: Bool

  init(_ words: [String], ownsOutput: Bool) {
    self.ownsOutput = ownsOutput
    for (index, word) in words.enumerated() {
      if word == "--" { return }
      if word.hasPrefix("--output=") { isJSON = word == "--output=json" }
      if word == "--output", index + 1 < words.count { isJSON = words[index + 1] == "json" }
    }
  }
}
