// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// An image as the command line names it, and how it is to be opened.
struct NamedImage {
  /// The name as it was written.
  var text: String
  /// Whether the name is a list of options (`--image-opts`).
  var isOptions = false
  /// How it is to be opened.
  var settings = OpenSettings()
  /// The disk that is meant, where the image has several.
  var disk: String?

  /// The name, taken apart.
  func name(protocols: [StoragePrefix]) throws(BlockError) -> ImageName {
    let name = try imageName(protocols: protocols)
    guard let disk else { return name }
    var options = name.options
    options["disk"] = .string(disk)
    return try ImageName(options: options, text: text)
  }

  private func imageName(protocols: [StoragePrefix]) throws(BlockError) -> ImageName {
    guard isOptions else { return try ImageName(text, protocols: protocols) }
    let options = try KeyValueList(parsing: text, dialect: .short, impliedKey: "file").tree()
    guard options["driver"] != nil || options["file"] != nil else {
      throw BlockError(.invalidArgument, "Must specify either driver or file")
    }
    return try ImageName(stated: options, text: text, protocols: protocols)
  }
}
