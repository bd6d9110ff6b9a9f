// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors

/// How a result is printed.
enum OutputFormat: String, CaseIterable {
  /// For people.
  case human
  /// For programs.
  case json

  /// The forms as `--output` takes them.
  static var names: [String] { allCases.map(\.rawValue) }
}

extension BlockError {
  /// The error of a form of `--output` that is none of `forms`.
  static func noOutput(among forms: [String]) -> BlockError {
    let list = forms.dropLast().joined(separator: ", ") + " or " + (forms.last ?? "")
    return BlockError(.invalidArgument, "--output must be used with \(list) as argument.")
  }
}

/// In which form a command prints its result.
struct OutputOptions: ParsableArguments {
  @Option(
    name: option("output"),
    help: ArgumentHelp("Print the result for people (human) or for programs (json).", valueName: "form"))
  var output: String?

  /// The form chosen.
  func format() throws(BlockError) -> OutputFormat {
    guard let format = OutputFormat(rawValue: output ?? "human") else {
      throw .noOutput(among: OutputFormat.names)
    }
    return format
  }
}

/// Whether a command shows how far it is.
struct ProgressOptions: ParsableArguments {
  @Flag(
    name: flagWithForm("p", "progress"),
    help: "Show how far the work is; --progress=bar as a bar, --progress=json[:DESCRIPTOR] for programs.")
  var progress = false
}
