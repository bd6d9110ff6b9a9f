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

  /// What is wrong, for a message that names the image and nothing else says what was being done: without the words
  /// of a format around it.
  var reason: Substring {
    guard let damage, let start = damage.finding.firstRange(of: " corrupt: ") else { return message[...] }
    let rest = damage.finding[start.upperBound...]
    return rest.firstRange(of: "; further ").map { rest[..<$0.lowerBound] } ?? rest
  }

  /// Whether an image is damaged, by a message that does not say which one: it names none of `files`.
  func lacksName(of files: [String]) -> Bool {
    guard kind == .corrupt else { return false }
    // A short name may well be part of a word.
    for file in files where !file.isEmpty {
      if message.contains("'\(file)'") || message.contains(" \(file):") || message.hasPrefix("\(file):")
        || message.hasSuffix(" \(file)")
      {
        return false
      }
    }
    return true
  }
}
