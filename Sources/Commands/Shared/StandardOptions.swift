// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors

/// Options of every command.
struct StandardOptions: ParsableArguments {
  @Flag(name: flag("q", "quiet"), help: "Print nothing but errors.")
  var quiet = false

  @Option(
    name: option("object"),
    help: ArgumentHelp(
      "Define an object that other options refer to by its id, such as 'secret,id=s0,file=key.txt'.",
      valueName: "definition"))
  var objects: [String] = []

  /// The list of what can be defined, where a definition asks for it.
  var objectHelp: String? {
    for text in objects {
      if let help = ObjectDefinitions.help(for: text) { return help }
    }
    return nil
  }

  /// Reads the definitions, in order: one may refer to those before it.
  func definitions(warn: (String) -> Void) throws(BlockError) -> ObjectDefinitions {
    let definitions = ObjectDefinitions()
    for text in objects { try definitions.add(text, warn: warn) }
    return definitions
  }
}
