// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import FileProtocol
import Host
import Options
import RawFormat
import Support

/// A chain of files, open for reading: overlay (fake) → middle (fake) → base (raw).
final class ChainScene {
  let folder = TemporaryFolder()
  let graph = Graph()
  let overlay: Node
  let user: RootUser

  /// - Parameters:
  ///   - options: the overlay's own.
  ///   - request: the user's.
  init(
    flags: NodeFlags = [], options: OptionObject = [:],
    request: PermissionRequest = PermissionRequest(held: .consistentRead, shared: .all)
  ) throws(BlockError) {
    try Files.write(
      FakeFormat.image(length: 65536, backing: "middle", format: "fake"), to: folder.file("overlay"))
    try Files.write(
      FakeFormat.image(length: 65536, backing: "base", format: "raw"), to: folder.file("middle"))
    try Files.write(Array(repeating: 1, count: 65536), to: folder.file("base"))
    let opener = Opener(graph: graph, kinds: [FakeFormat(), RawFormat(), FileStorage.file])
    user = graph.makeUser("the test", request: request)
    var stated = options
    stated["filename"] = .string(folder.file("overlay"))
    let name = try ImageName(options: stated, text: "overlay")
    try opener.open(name, OpenSettings(format: "fake", flags: flags), for: user)
    guard let node = user.edge?.child else { throw BlockError(.notFound, "no edge") }
    overlay = node
  }

  var opener: Opener { Opener(graph: graph, kinds: [FakeFormat(), RawFormat(), FileStorage.file]) }
  var middle: Node? { overlay.backing?.child }
  /// The graph, with each open file and its locks.
  var state: State { State(graph: GraphState(graph), files: OpenFiles.under(folder.path), modes: modes) }

  struct State: Equatable {
    var graph: GraphState
    var files: [String]
    var modes: [String]
  }

  /// How each node and the descriptor below it are open.
  private var modes: [String] {
    graph.nodes.map { node in
      guard let driver = node.driver as? FileDriver else { return node.name }
      return "\(node.fileName) \(driver.file.isWritable) \(driver.file.isDirect)"
    }
  }

  /// node, file node and descriptor say the same.
  func agrees() -> Bool {
    for node in graph.nodes {
      if let file = node.file?.child, file.isWritable != node.isWritable { return false }
      guard let driver = node.driver as? FileDriver else { continue }
      if driver.file.isWritable != node.isWritable { return false }
      if driver.file.isDirect != node.flags.contains(.direct) { return false }
    }
    return true
  }

  /// Reopens nodes with other flags, drained as the rule asks.
  func reopen(_ changes: [(Node, NodeFlags)]) throws(BlockError) {
    var drained: [Node] = []
    for (node, _) in changes { drained += [node] + node.children.filter(\.followsParent).map(\.child) }
    for node in drained { node.drainBegin() }
    defer { for node in drained.reversed() { node.drainEnd() } }
    let queue = ReopenQueue(graph)
    for (node, flags) in changes { queue.add(node, flags: flags) }
    try graph.reopen(queue)
  }
}
