// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// The object that `--output=json` prints, on one line, for a command that has no JSON of its own, and for every
/// command that fails.
struct ResultReport {
  /// Raised when a key changes its meaning or goes; new keys do not count.
  static let schemaVersion: UInt64 = 1

  /// The command's name.
  var command: String
  /// The status that the program ends with.
  var status: Int32
  /// The results of the command.
  var result = OptionObject()
  /// The text that the command would have printed.
  var text = ""
  var warnings: [String] = []
  /// Why it failed.
  var failure: BlockError?
  /// The image that the failure is about, where the error does not say.
  var file: String?

  /// The object, with a line feed.
  var line: String {
    var object: OptionObject = [
      "schema-version": OptionTree(ResultReport.schemaVersion), "command": .string(command),
      "exit-status": .integer(Int64(status)),
    ]
    if let failure { object["error"] = tree(failure) }
    if failure == nil { object["result"] = .object(result) }
    let lines = text.split(separator: "\n").map { OptionTree.string(String($0)) }
    if !lines.isEmpty { object["messages"] = .array(lines) }
    if !warnings.isEmpty { object["warnings"] = .array(warnings.map { .string($0) }) }
    return JSONWriter.compact(.object(object)) + "\n"
  }

  private func tree(_ error: BlockError) -> OptionTree {
    var object: OptionObject = ["kind": .string(error.kind.rawValue)]
    if let file = error.subject ?? file { object["file"] = .string(file) }
    object["message"] = .string(error.message)
    let advice = error.advice?.text(about: error.file ?? file)
    if let hint = advice ?? error.hint { object["hint"] = .string(hint) }
    return .object(object)
  }
}
