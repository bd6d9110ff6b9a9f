// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host
internal import Options

/// Whether a new image can stand on the backing file that its options name.
struct BackingCheck {
  private let name: String
  private let format: String?
  private let dataFile: String?
  private let unsafe: Bool

  /// Nil where the options name no backing file.
  init?(_ values: OptionObject, unsafe: Bool) {
    guard let name = values["backing_file"]?.string else { return nil }
    self.name = name
    format = values["backing_fmt"]?.string
    dataFile = values["data_file"]?.string
    self.unsafe = unsafe
  }

  /// Opens the backing file and returns its length in bytes, with what tells it from others; nil where it was not opened.
  ///
  /// - Parameter path: the path of the image to be, at whose folder relative names start.
  func run(path: String, graph: Graph, opener: Opener) throws(BlockError) -> (
    length: UInt64, identity: ImageIdentity?
  )? {
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
      try refuseOwnFiles(path: path, graph: graph, opener: opener)
      return nil
    }
    let node: Node
    do throws(BlockError) {
      let imageName = try ImageName(resolved, protocols: opener.protocols)
      // Only its length and format matter, also where another program is writing it.
      node = try opener.openUnused(imageName, OpenSettings(format: format, flags: [.noIO, .forceShare]))
    } catch {
      var failure = error
      failure.hint = "Could not open backing image."
      throw failure
    }
    defer { graph.dispose(ofUnused: node) }
    try refuseOwnFiles(path: path, in: node, opener)
    guard format != nil else { throw BackingCheck.formatMissing(detected: node.driver.name) }
    return (node.length, node.identity)
  }

  /// Refuses to make the image over a file that it is to stand on, as far as the chain can be opened: where it cannot,
  /// only the backing file itself is known.
  ///
  /// - Throws: kind `refused`, naming the layer.
  func refuseOwnFiles(path: String, graph: Graph, opener: Opener) throws(BlockError) {
    guard !existing(path, opener).isEmpty else { return }
    let resolved = ImageName.resolve(name, relativeTo: path)
    let place = (try? opener.targetPath(resolved)) ?? resolved
    // Nothing is asked of a server, or of a device, only to find that it is no file.
    guard !opener.isRemote(place), FilePaths.kind(of: place) == .regular else { return }
    var quiet = opener
    quiet.warn = { _ in }
    let settings = OpenSettings(format: format, flags: [.noIO, .forceShare])
    guard let node = try? quiet.openUnused(ImageName(path: place), settings) else {
      return try ChainFiles(alone: place, as: BackingCheck.part).refuse(existing(path, opener))
    }
    defer { graph.dispose(ofUnused: node) }
    try refuseOwnFiles(path: path, in: node, opener)
  }

  private func refuseOwnFiles(path: String, in node: Node, _ opener: Opener) throws(BlockError) {
    let files = existing(path, opener)
    if !files.isEmpty { try ChainFiles(from: node, as: BackingCheck.part).refuse(files) }
  }

  private static let part = "the backing file of the new image"

  /// Those files of the new image that take the place of others.
  private func existing(_ path: String, _ opener: Opener) -> [String] {
    var files = [path]
    if let dataFile, let dataFile = try? opener.targetPath(dataFile) {
      files.append(ImageName.resolve(dataFile, relativeTo: path))
    }
    return files.filter { FilePaths.kind(of: $0) != nil }
  }

  private static func formatMissing(detected: String?) -> BlockError {
    BlockError(
      .invalidArgument, "Backing file specified without backing format",
      hint: detected.map { "Detected format of \($0)." },
      advice: "State the format of the backing file with -F.")
  }
}
