// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

/// New files of an image that there is already: they appear all together, and where no others stand. Graph API.
final class FurtherFiles: ImageFiles {
  private let path: String
  private let graph: Graph
  private let files: TargetFiles
  private let flags: NodeFlags
  private var users: [RootUser] = []

  /// - Parameter path: the image.
  init(of path: String, flags: NodeFlags, graph: Graph, opener: Opener) {
    self.path = path
    self.flags = flags
    self.graph = graph
    files = TargetFiles(graph: graph, opener: opener)
  }

  /// Makes a file whose name is relative to the image's folder.
  func add(_ name: String, as slot: EdgeSlot, format: String?) throws(BlockError) -> Edge {
    let place = ImageName.resolve(name, relativeTo: path)
    guard FilePaths.kind(of: place) == nil else {
      throw BlockError(
        .alreadyExists, "'\(place)' exists, where the image needs another file", naming: place,
        advice: "Move it away, if it is no part of the image.")
    }
    let user = graph.makeUser(
      "resize: '\(place)'",
      request: PermissionRequest(held: [.consistentRead, .write, .resize], shared: .consistentRead))
    users.append(user)
    try files.make(place, flags: flags, FileAttributes(), for: user)
    guard let edge = user.edge else {
      throw BlockError(.notFound, "\(slot.fileWords) '\(name)' has no node")
    }
    return edge
  }

  /// Lets all appear under their names; they can be taken back until `close`.
  func publish() throws(BlockError) {
    for user in users { try user.edge?.flush() }
    try files.complete()
    try files.publish(isFinal: false)
  }

  /// Takes those away again that have appeared.
  func withdraw() { files.withdraw() }

  /// Lets go of all; those that have not appeared are gone.
  func close() {
    for user in users { try? graph.release(user) }
    users = []
    files.close()
  }
}
