// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors

/// How the images that a command reads are named and shared.
struct AccessOptions: ParsableArguments {
  @Flag(
    name: flag("image-opts"),
    help: "Take image names as lists of options, such as 'driver=qcow2,file.filename=disk.qcow2'.")
  var imageOptions = false

  @Flag(name: flag("U", "force-share"), help: "Read the image although another process may be writing to it.")
  var forceShare = false

  /// The image called `text`, or its disk called `disk`.
  ///
  /// - Throws: where a format is stated in two ways.
  func image(_ text: String, format: String?, disk: String? = nil, flags: NodeFlags = []) throws(BlockError)
    -> NamedImage
  {
    let sharing: NodeFlags = forceShare ? .forceShare : []
    var image = try AccessOptions.image(
      text, isOptions: imageOptions, format: format, flags: flags.union(sharing))
    image.disk = disk
    return image
  }

  /// Refuses to write `file` while the user asks to share it with other programs that write.
  func refuseForceShare(of file: String) throws(BlockError) {
    guard forceShare else { return }
    throw BlockError(.invalidArgument, "force-share=on can only be used with read-only images")
      .prefixed("Could not open '\(file)'", naming: file)
  }

  /// The image called `text`, where `isOptions` says how it is called.
  ///
  /// - Throws: where a format is stated in two ways.
  static func image(_ text: String, isOptions: Bool, format: String?, flags: NodeFlags) throws(BlockError)
    -> NamedImage
  {
    if isOptions && format != nil {
      throw BlockError(.invalidArgument, "--image-opts and --format are mutually exclusive")
    }
    return NamedImage(text: text, isOptions: isOptions, settings: OpenSettings(format: format, flags: flags))
  }
}

/// Reads the name of a cache mode; `thing` is what the message calls it.
func cacheMode(_ text: String?, _ thing: String, default mode: CacheMode) throws(BlockError) -> CacheMode {
  guard let text else { return mode }
  guard let mode = CacheMode(named: text) else {
    throw BlockError(
      .invalidArgument, "Invalid \(thing) option: \(text)", advice: CacheMode.advice)
  }
  return mode
}

extension CacheMode {
  /// The advice where a mode is none of them.
  static let advice: Advice = "It is none, writeback, writethrough, directsync or unsafe."
}
