// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Host

/// The words that may stand at one place of a command line.
struct Candidates: Equatable {
  /// One word.
  struct Entry: Equatable {
    var word: String
    /// The meaning of the word, empty where there is nothing to say.
    var help = ""
  }

  /// The words, in the order shown.
  var entries: [Entry] = []
  /// Whether names of files may stand there, too; behind `filePrefix`.
  var takesFiles = false
  /// The beginning of the word, behind which the name of a file stands.
  var filePrefix = ""

  /// Nothing at all.
  static let none = Candidates()
  /// Names of files.
  static let files = Candidates(takesFiles: true)

  /// Some words without explanation.
  static func words(_ words: [String]) -> Candidates { Candidates(entries: words.map { Entry(word: $0) }) }

  /// The same behind a beginning that is already there.
  func prefixed(_ prefix: String) -> Candidates {
    var copy = self
    copy.entries = entries.map { Entry(word: prefix + $0.word, help: $0.help) }
    copy.filePrefix = prefix + filePrefix
    return copy
  }

  /// Those that begin with `text`.
  func starting(with text: String) -> Candidates {
    var copy = self
    copy.entries = entries.filter { $0.word.hasPrefix(text) }
    return copy
  }

  /// One line a word, with a tab before what it means; `:files PREFIX` where files may stand.
  var lines: String {
    var text = takesFiles ? ":files \(filePrefix)\n" : ""
    // A name that cannot be shown as it is cannot be handed to a shell in lines, either.
    for entry in entries where entry.word.shown.utf8.elementsEqual(entry.word.spelledBytes) {
      text += entry.help.isEmpty ? entry.word + "\n" : "\(entry.word)\t\(entry.help)\n"
    }
    return text
  }
}
