// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Host
internal import Options

/// Where everything that a command says goes: results to standard output, all else to standard error.
///
/// Results are gathered and written in large pieces; they appear before anything that is said after them.
final class Console {
  /// The name that messages begin with.
  let name: String
  /// Whether standard output refused to take something.
  private(set) var isBroken = false
  private var pending = ""
  private let write: (Stream, String) -> Bool

  /// A console of the process.
  convenience init(name: String) {
    self.init(name: name) { stream, text in stream.write(text) }
  }

  /// A console that hands everything to `write`, which says whether it was taken.
  init(name: String, write: @escaping (Stream, String) -> Bool) {
    self.name = name
    self.write = write
  }

  // MARK: Results

  /// Prints a part of the result.
  func print(_ text: String) {
    pending += text
    if pending.utf8.count >= 1 << 16 { flush() }
  }

  /// Prints a result as JSON, with a final line feed.
  func print(_ tree: OptionTree) { print(JSONWriter.pretty(tree) + "\n") }

  /// Writes what was printed so far.
  func flush() {
    guard !pending.isEmpty else { return }
    if !write(.output, pending) { isBroken = true }
    pending = ""
  }

  // MARK: Messages

  /// Says a line that is not the program's own words, such as a finding, as it is.
  func say(_ line: String) {
    flush()
    _ = write(.error, line + "\n")
  }

  /// Says something that the user should know, each line with the program's name.
  func complain(_ message: String) {
    flush()
    var text = ""
    for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
      text += "\(name): \(line)\n"
    }
    _ = write(.error, text)
  }

  /// Warns.
  func warn(_ message: String) { say("\(name): warning: \(message)") }

  /// Tells why the command failed, and what to do.
  func report(_ error: BlockError) {
    if let damage = error.damage {
      say(damage.finding)
      if let context = damage.context { complain(context + ": Input/output error") }
      return
    }
    complain(error.message)
    if let hint = error.hint { say(hint) }
  }

  /// Tells what is wrong with the command line.
  func report(_ error: UsageError) {
    complain(error.message)
    say("Try '\(name) --help' for more information")
  }
}
