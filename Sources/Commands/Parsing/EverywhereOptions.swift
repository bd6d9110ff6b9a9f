// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Host

/// Options that the program adds to every command. They are read here, before the command's own are parsed.
struct EverywhereOptions: ParsableArguments {
  @Option(
    name: option("output"),
    help: ArgumentHelp(
      "Print the result for people (human), or it and every error as one JSON object (json).",
      valueName: "form"))
  var output: String?

  @Flag(
    name: flag("untrusted"),
    help: "Take images for hostile: follow no name found in one, and take none for raw by guessing.")
  var untrusted = false

  @Option(
    name: option("references"),
    help: ArgumentHelp(
      "Which names found in an image are followed: none, those of local files (local), or any.",
      valueName: "policy"))
  var references: String?
}

extension EverywhereOptions {
  /// The spellings that are added to those of a command; one that the command has itself is its own.
  static func spellings(besides own: [Spelling]) -> [Spelling] {
    var added: [Spelling] = []
    for var spelling in Spelling.declared(by: EverywhereOptions.self) where spelling != .help {
      guard !own.contains(where: { !Set($0.long).isDisjoint(with: spelling.long) }) else { continue }
      spelling.isAddition = true
      added.append(spelling)
    }
    return added
  }

  /// Whether the environment says what `--untrusted` says.
  static var environmentIsUntrusted: Bool {
    guard let value = Environment.value(of: "STRATA_UNTRUSTED") else { return false }
    return !["", "0", "no", "off", "false"].contains(value)
  }
}

extension EverywhereOptions {
  /// How far names found in images are followed: as `stated`, else as the environment says, else local files.
  ///
  /// - Throws: `UsageError` where that contradicts `--untrusted`, `BlockError` where the environment says what is no
  ///   policy.
  static func references(_ stated: ReferencePolicy?, isUntrusted: Bool) throws -> ReferencePolicy {
    if isUntrusted {
      guard stated == nil || stated == ReferencePolicy.none else {
        throw UsageError(
          "--references=\(stated?.rawValue ?? "") contradicts --untrusted, which implies none")
      }
      return .none
    }
    if let stated { return stated }
    let variable = "STRATA_REFERENCES"
    guard let value = Environment.value(of: variable), !value.isEmpty else { return .local }
    guard let policy = ReferencePolicy(rawValue: value) else {
      throw BlockError(.invalidArgument, ReferencePolicy.mistake(value, by: variable))
    }
    return policy
  }
}

extension ReferencePolicy {
  /// Reads the value of `--references`.
  ///
  /// - Throws: what the policies are.
  init(option text: String) throws(UsageError) {
    guard let policy = ReferencePolicy(rawValue: text) else {
      throw UsageError(ReferencePolicy.mistake(text, by: "--references"))
    }
    self = policy
  }

  /// The message about a value that is no policy, where `source` states it.
  fileprivate static func mistake(_ text: String, by source: String) -> String {
    "\(source) takes none, local or any, not '\(text)'"
  }
}

extension ProgressForm {
  /// Reads the form behind `--progress=`.
  ///
  /// - Throws: what the forms are.
  init(_ text: String) throws(UsageError) {
    switch text {
    case "line": self = .line
    case "bar": self = .bar
    case "json": self = .json(descriptor: 2)
    default:
      guard text.hasPrefix("json:"), let descriptor = Int32(text.dropFirst("json:".count)), descriptor >= 0
      else {
        throw UsageError("--progress takes line, bar, json or json:DESCRIPTOR, not '\(text)'")
      }
      guard Stream.isOpen(descriptor) else {
        throw UsageError("--progress=\(text): descriptor \(descriptor) is not open")
      }
      self = .json(descriptor: descriptor)
    }
  }
}
