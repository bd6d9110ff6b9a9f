// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Errors
internal import Options

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

  /// Checks the definitions. A secret that nobody refers to does no harm, and no image can refer to one yet.
  func checkObjects() throws(BlockError) {
    for text in objects {
      let list = try KeyValueList(parsing: text, dialect: .strict, impliedKey: "qom-type")
      guard let type = list["qom-type"] else {
        throw BlockError(.invalidArgument, "Parameter 'qom-type' is missing")
      }
      guard type == "secret" else {
        throw BlockError(.invalidArgument, "Parameter 'qom-type' does not accept value '\(type)'")
      }
      guard list["id"] != nil else { throw BlockError(.invalidArgument, "Parameter 'id' is missing") }
      guard list["data"] != nil || list["file"] != nil else {
        throw BlockError(.invalidArgument, "Either 'file' or 'data' must be provided")
      }
    }
  }
}
