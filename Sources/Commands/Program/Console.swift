// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Host
internal import Options

/// Where everything that a command says goes: results to standard output, all else to standard error.
///
/// Results are gathered and written in large pieces; they appear before anything that is said after them.
final class Console {
  /// How the command's results are printed.
  enum Form {
    /// As the command says them.
    case plain
    /// The command prints JSON of its own; where it fails before that, an object tells why.
    case ownJSON
    /// Everything that the command says is gathered and told in one object in the end.
    case report
  }

  /// The name that messages begin with.
  let name: String
  /// The words behind the name that lead to help: of the command that runs, where the name is not its own.
  var helpWords = ["--help"]
  /// The long names of the options of the command that runs: advice names no other.
  var options: [String] = []
  /// How results are printed.
  var form = Form.plain
  /// Whether standard output refused to take something.
  private(set) var isBroken = false
  /// Why the command fails, as far as was said.
  private(set) var failure: BlockError?
  /// The warnings that were printed.
  private(set) var warnings: [String] = []
  /// The text that was printed and is not written yet.
  private(set) var pending = ""
  /// Whether anything was written to standard output.
  private(set) var hasWritten = false
  /// Whether a whole document was printed, which stays whatever follows.
  private(set) var hasDocument = false
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

  /// Whether the program stands in the place of `qemu-img`: nothing is added to what that one prints.
  var isStandIn: Bool { name == "qemu-img" }

  // MARK: Results

  /// Prints a part of the result.
  func print(_ text: String) {
    pending += text
    if form != .report, pending.utf8.count >= 1 << 16 { flush() }
  }

  /// Prints a whole result as JSON, with a final line feed.
  func print(_ tree: OptionTree) {
    JSONWriter.pretty(tree) { self.print($0) }
    print("\n")
    hasDocument = true
  }

  /// Writes what was printed so far.
  func flush() {
    guard form != .report, !pending.isEmpty else { return }
    hasWritten = true
    if !write(.output, pending) { isBroken = true }
    pending = ""
  }

  /// Takes back what was printed and is not written yet.
  func discard() { pending = "" }

  // MARK: Messages

  /// Says a line that is not the program's own words, such as a finding, as it is.
  func say(_ line: String) {
    if form == .plain { flush() }
    _ = write(.error, line + "\n")
  }

  /// Says something that the user should know, each line with the program's name.
  func complain(_ message: String) {
    if failure == nil { failure = BlockError(.invalidArgument, message) }
    if form == .plain { flush() }
    var text = ""
    for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
      text += "\(name): \(line)\n"
    }
    _ = write(.error, text)
  }

  /// Warns.
  func warn(_ message: String) {
    warnings.append(message)
    say("\(name): warning: \(message)")
  }

  /// Says what the user can do next. A stand-in keeps it to itself.
  func advise(_ text: String) {
    if !isStandIn { say("\(name): hint: \(text)") }
  }

  /// Tells why the command failed, and what to do.
  func report(_ error: BlockError) {
    failure = error
    failure?.hint = error.hint.map(inOwnName)
    failure?.advice = error.advice?.given(options: options)
    // Damage that a format finds in its own tables stands on a line of its own, as `qemu-img` prints it.
    if error.damage != nil { say(error.finding) }
    complain(sentence(error))
    if error.damage == nil, let hint = error.hint { say(inOwnName(hint)) }
    if let advice = failure?.advice { advise(advice.text(about: error.file)) }
  }

  /// Tells why the command failed at `file`, where nobody threw an error.
  func report(_ message: String, about file: String) {
    report(BlockError(.invalidArgument, message).about(file))
  }

  /// The line that says what went wrong. It names the image; a stand-in has no words but those that scripts know.
  private func sentence(_ error: BlockError) -> String {
    let words: String? =
      error.damage == nil ? error.message : error.context.map { $0 + ": Input/output error" }
    guard !error.namesFile, error.kind != .interrupted, let file = error.file else {
      return words ?? error.finding
    }
    if isStandIn { return words ?? "'\(file)': Input/output error" }
    guard let words else { return "'\(file)' is damaged: \(error.damage ?? "")" }
    return error.kind == .corrupt && error.damage == nil
      ? "'\(file)' is damaged: \(words)" : "'\(file)': \(words)"
  }

  /// Tells what is wrong with the command line.
  func report(_ error: UsageError) {
    failure = BlockError(.invalidArgument, error.message, advice: error.hint.map { Advice($0) })
    complain(error.message)
    if let hint = error.hint { advise(hint) }
    say("Try '\(([name] + helpWords).joined(separator: " "))' for more information")
  }

  /// A sentence that scripts know, where it names commands of `qemu-img` as ours.
  func inOwnName(_ sentence: String) -> String {
    let parts = sentence.split(separator: "'qemu-img ", omittingEmptySubsequences: false)
    return isStandIn ? sentence : parts.joined(separator: "'\(name) ")
  }
}
