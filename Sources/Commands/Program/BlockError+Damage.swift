// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

extension BlockError {
  /// What a format found wrong in its own tables, apart from what was being done: other tools print it as a line
  /// of its own that begins with the format's name, and then fail as for any broken medium.
  var damage: (finding: String, context: String?)? {
    guard kind == .corrupt else { return nil }
    let words = message.split(separator: ": ", omittingEmptySubsequences: false)
    for (index, word) in words.enumerated() where index > 0 {
      guard word == "Image is corrupt" || word == "Marking image as corrupt" else { continue }
      let context = words[..<(index - 1)].joined(separator: ": ")
      return (words[(index - 1)...].joined(separator: ": "), index == 1 ? nil : context)
    }
    return nil
  }
}
