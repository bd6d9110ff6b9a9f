// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// The files that a chain of images consists of, none of which may be overwritten by an image that stands on them.
struct ChainFiles {
  /// A file of the chain.
  private struct Member {
    var path: String
    /// The role of the file, and for which image.
    var part: String
  }

  private var members: [Member] = []

  /// A file of which nothing more is known.
  init(alone path: String, as part: String) { members = [Member(path: path, part: part)] }

  /// The files of the images from `top` down; `part` is what that one is.
  init(from top: Node, as part: String) {
    var part = part
    var layer: Node? = top
    while let node = layer {
      members.append(Member(path: node.fileName, part: part))
      for edge in node.children where edge.slot != .backing { add(edge, of: node) }
      addUnopened(of: node)
      part = "the backing file of '\(node.fileName)'"
      layer = node.backing?.child
    }
  }

  private mutating func add(_ edge: Edge, of image: Node) {
    let storage = edge.child.storage
    if storage.fileName != image.fileName {
      members.append(Member(path: storage.fileName, part: "the \(edge.slot.words) of '\(image.fileName)'"))
    }
  }

  /// Adds the files that were not opened, since only tables were looked at.
  private mutating func addUnopened(of image: Node) {
    for reference in image.references where reference.slot != .backing && image.edge(reference.slot) == nil {
      let name = try? LocalFilesGate().resolve(reference.name, of: reference, foundIn: image.fileName)
      guard let path = name?.fileName else { continue }
      members.append(Member(path: path, part: "the \(reference.slot.words) of '\(image.fileName)'"))
    }
  }

  /// The role of the file at `path` in the chain, whatever its name; nil where it is no part of it.
  func part(of path: String) -> String? {
    guard let identity = FilePaths.identity(of: path) else { return nil }
    for member in members where FilePaths.identity(of: member.path) == identity {
      return member.path == path ? member.part : "'\(member.path)', \(member.part)"
    }
    return nil
  }

  /// Refuses to make any of `paths` where they are files of the chain.
  ///
  /// - Throws: kind `refused`, naming the layer.
  func refuse(_ paths: [String]) throws(BlockError) {
    for path in paths {
      guard let part = part(of: path) else { continue }
      throw BlockError(
        .refused, "'\(path)' is \(part), and cannot be overwritten by an image that stands on it",
        naming: path, advice: "Name another file for the new image.")
    }
  }

  /// The role of the file at `path` for an image that is open in a graph; nil where it belongs to none.
  static func part(of path: String, in graph: Graph) -> String? {
    let plain = "an image that this command reads"
    var found: String?
    for node in graph.nodes where !(node.driver is any StorageDriver) {
      guard let part = ChainFiles(from: node, as: plain).part(of: path) else { continue }
      if !part.hasSuffix(plain) { return part }
      found = part
    }
    return found
  }

  /// Opens an image to be written into; says so where it is a file that this command reads.
  static func openPresent(_ name: ImageName, _ settings: OpenSettings, for user: RootUser, by opener: Opener)
    throws(BlockError)
  {
    do throws(BlockError) {
      try opener.open(name, settings, for: user)
    } catch {
      guard error.kind == .conflict, let path = try? opener.targetPath(name.text), !opener.isRemote(path),
        let part = part(of: path, in: opener.graph)
      else { throw error }
      var error = error
      error.advice = "It is \(part): name another target."
      throw error
    }
  }
}
