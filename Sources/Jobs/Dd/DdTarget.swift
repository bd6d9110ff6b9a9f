// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// The image that `dd` writes to: a new one, or one that exists. Graph API.
final class DdTarget {
  /// The user that has the image.
  let user: RootUser
  private let name: String
  private let graph: Graph
  private let image: NewImage?
  private var isReleased = false

  /// Makes an image for `length` bytes, or opens the one that is to be kept and makes it that long if it is shorter.
  init(
    _ name: ImageName, _ options: DdOptions, length: UInt64, isKept: Bool, graph: Graph, opener: Opener
  ) throws(BlockError) {
    self.name = name.text
    self.graph = graph
    user = graph.makeUser(
      "dd: target '\(name.text)'",
      request: PermissionRequest(held: [.write, .resize], shared: .consistentRead))
    do throws(BlockError) {
      if isKept {
        image = nil
        try DdTarget.open(name, options, length: length, for: user, graph, opener)
      } else {
        image = try DdTarget.make(name, options, length: length, for: user, graph, opener)
      }
    } catch {
      try? graph.release(user)
      throw error
    }
  }

  private static func make(
    _ name: ImageName, _ options: DdOptions, length: UInt64, for user: RootUser, _ graph: Graph,
    _ opener: Opener
  ) throws(BlockError) -> NewImage {
    let path = try opener.targetPath(name.text)
    let image: NewImage
    do throws(BlockError) {
      let recipe = ImageRecipe(
        path: path, format: options.targetFormat, size: length, options: OptionObject())
      // `qemu-img` makes the image durable only as the system does on its own.
      image = try NewImage(recipe, flags: .noFlush, graph: graph, opener: opener)
    } catch {
      throw error.prefixed("\(name.text): error while creating output image", naming: name.text)
    }
    do throws(BlockError) {
      try image.open(for: user)
    } catch {
      image.discard()
      throw error.prefixed("Could not open '\(name.text)'", naming: name.text)
    }
    return image
  }

  /// Opens an image to be written into; it may become longer but not shorter.
  private static func open(
    _ name: ImageName, _ options: DdOptions, length: UInt64, for user: RootUser, _ graph: Graph,
    _ opener: Opener
  ) throws(BlockError) {
    try ChainFiles.openPresent(
      name, OpenSettings(format: options.targetFormat, flags: [.writable, .unmap]), for: user, by: opener)
    guard let edge = user.edge else { return }
    if let size = options.outputSize, size < edge.length {
      throw BlockError(
        .refused, "'\(name.text)' has \(edge.length) bytes, and osize=\(size) would cut some of them off",
        naming: name.text)
    }
    try lengthen(edge, to: length)
  }

  /// Makes a disk that is shorter so many bytes long, or as many more as fill its last sector up.
  static func lengthen(_ disk: Edge, to length: UInt64) throws(BlockError) {
    guard length > disk.length else { return }
    try disk.truncate(
      to: disk.capabilities.contains(.anyLength) ? length : length.roundedUp(to: 512) ?? length)
  }

  /// Whether an untouched image reads as zero.
  var readsZero: Bool { image?.readsZero ?? false }

  /// Says of an error in filling the image what helps against it.
  func explain(_ error: BlockError) -> BlockError { image?.explain(error) ?? error }

  /// Makes what was written durable where it has to be, and closes the image.
  func complete() throws(BlockError) {
    if image != nil { try user.edge?.seal() }
    try user.edge?.flush(named: name)
    isReleased = true
    try about(name) { () throws(BlockError) in
      try inContext("error while closing the target") { () throws(BlockError) in try graph.release(user) }
    }
    try image?.complete()
  }

  /// Lets a new image appear under its name; it can be taken back with `withdraw`, unless that `isFinal`.
  func publish(isFinal: Bool) throws(BlockError) { try image?.publish(isFinal: isFinal) }

  /// Takes a new image away again.
  func withdraw() { image?.withdraw() }

  /// Closes what is open; a new image that was not published is gone.
  func close() throws(BlockError) {
    defer { image?.discard() }
    guard !isReleased else { return }
    isReleased = true
    do throws(BlockError) {
      try graph.release(user)
    } catch {
      if image == nil { throw error }
    }
  }
}

extension DdOptions {
  /// Whether the target is there and keeps what is not written.
  func keepsTarget(_ opener: Opener) throws(BlockError) -> Bool {
    guard case .image(let name) = target, seek > 0 || keepsTarget else { return false }
    return try opener.targetExists(name.text)
  }
}
