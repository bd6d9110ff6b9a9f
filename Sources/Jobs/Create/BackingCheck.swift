// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// Whether a new image can stand on the backing file that its options name.
struct BackingCheck {
  private let name: String
  private let format: String?
  private let unsafe: Bool

  /// Nil where the options name no backing file.
  init?(_ values: OptionObject, unsafe: Bool) {
    guard let name = values["backing_file"]?.string else { return nil }
    self.name = name
    format = values["backing_fmt"]?.string
    self.unsafe = unsafe
  }

  /// Opens the backing file and returns its length in bytes; nil where it was not opened.
  ///
  /// - Parameter path: the path of the image to be, at whose folder relative names start.
  func run(path: String, graph: Graph, opener: Opener) throws(BlockError) -> UInt64? {
    guard !name.isEmpty else {
      throw BlockError(.invalidArgument, "Expected backing file name, got empty string")
    }
    let resolved = ImageName.resolve(name, relativeTo: path)
    guard resolved != path else {
      throw BlockError(
        .invalidArgument, "Error: Trying to create an image with the same filename as the backing file")
    }
    if unsafe {
      guard format != nil else { throw BackingCheck.formatMissing(detected: nil) }
      return nil
    }
    let node: Node
    do throws(BlockError) {
      let imageName = try ImageName(resolved, protocols: opener.protocols)
      // Only its length and format matter, whoever may be writing it.
      node = try opener.openUnused(imageName, OpenSettings(format: format, flags: [.noIO, .forceShare]))
    } catch {
      var failure = error
      failure.hint = "Could not open backing image."
      throw failure
    }
    defer { graph.dispose(ofUnused: node) }
    guard format != nil else { throw BackingCheck.formatMissing(detected: node.driver.name) }
    return node.length
  }

  private static func formatMissing(detected: String?) -> BlockError {
    BlockError(
      .invalidArgument, "Backing file specified without backing format",
      hint: detected.map { "Detected format of \($0)." },
      advice: "State the format of the backing file with -F.")
  }
}
