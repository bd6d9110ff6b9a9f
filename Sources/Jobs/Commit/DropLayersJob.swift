// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors

/// The layers of a chain that are to go.
package struct DropLayersOptions: Sendable {
  /// The name of the uppermost layer to go, nil for the image itself: its users use the base from then on.
  package var top: String?
  /// The name of the layer that takes up what they hold, nil for the backing file of the uppermost.
  package var base: String?
  /// Bytes a second, or nil for as fast as can be.
  package var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  package var threads: Int?

  /// Commits the image itself to its backing file.
  package init() {}
}

/// Commits layers of an open chain into the one below them and takes them out of the chain. Their files stay.
///
/// The base is written first and made durable. Then the image above them names the base as its backing file; only
/// for that it is open for writing, where it was open for reading. At any moment it reads the same. Without an image
/// above, the users move to the base, which stays open for writing.
package final class DropLayersJob: Job {
  /// `commit`.
  package let kind = "commit"
  private let options: DropLayersOptions
  private let user: RootUser
  private var stretch: CommitChain?
  /// The image above the layers that go.
  private var overlay: Node?
  private var base: ChainLayer?
  /// The backing file that `overlay` named before, where it names the base now and that may be taken back.
  private var replaced: ReplacedBacking?
  private var warnings: [BlockError] = []

  /// Drops layers of the image that `user` has open.
  package init(_ options: DropLayersOptions, of user: RootUser) {
    self.options = options
    self.user = user
  }

  /// Finds the layers and takes hold of them.
  package func prepare(in graph: Graph) throws(BlockError) {
    guard let image = user.edge?.child else { throw BlockError(.notFound, "there is no image to commit") }
    var top = image
    if let name = options.top {
      guard let layer = ChainLayer(named: name, below: image) else { throw notFound(name, below: image) }
      (top, overlay) = (layer.node, layer.upper)
    }
    let base = options.base.map { ChainLayer(named: $0, below: top) } ?? ChainLayer(below: top)
    guard let base else {
      if let name = options.base { throw notFound(name, below: top) }
      throw BlockError(
        .invalidArgument, "Image '\(top.fileName)' does not have a backing file", naming: top.fileName)
    }
    self.base = base
    let stretch = CommitChain(
      image: top, base: base.node, description: "commit of '\(top.fileName)'", graph: graph)
    self.stretch = stretch
    try stretch.take(emptying: false)
  }

  private func notFound(_ name: String, below node: Node) -> BlockError {
    BlockError(
      .notFound, "Did not find '\(name)' in the backing chain of '\(node.fileName)'", naming: node.fileName)
  }

  /// Copies to the base.
  package func run(_ context: JobContext) throws(BlockError) {
    guard let stretch else { return }
    try stretch.copy(CommitPace(threads: options.threads, rateLimit: options.rateLimit), context)
    try stretch.hideRest(upTo: overlay?.length)
  }

  /// Takes the layers out.
  package func commit(in graph: Graph, isFinal: Bool) throws(BlockError) {
    guard let stretch, let base else { return }
    guard let overlay else { return try stretch.replaceByBase() }
    let before = ReplacedBacking(of: overlay)
    try inFile(overlay.fileName, "Could not change the backing file of") { () throws(BlockError) in
      try rename(in: overlay, stretch, graph) { (edge) throws(BlockError) in
        try edge.setBackingFile(base.name(for: overlay), format: base.node.driver.name)
      }
    }
    replaced = isFinal ? nil : before
  }

  /// Puts the layers back below an image that names the base now; users who have moved to the base stay there.
  package func abort(in graph: Graph) {
    guard let replaced, let stretch, let overlay else { return }
    do throws(BlockError) {
      try rename(in: overlay, stretch, graph, isBack: true) { (edge) throws(BlockError) in
        try replaced.restore(to: edge)
      }
    } catch {
      warnings.append(
        error.prefixed("'\(overlay.fileName)' keeps its new backing file", naming: overlay.fileName))
    }
  }

  /// Lets go of the chain; layers that were open for reading only are so again.
  package func clean(in graph: Graph, warnings: inout [BlockError]) {
    stretch?.letGo(&self.warnings)
    stretch = nil
    warnings += self.warnings
    (overlay, base, replaced) = (nil, nil, nil)
  }

  // MARK: The image above

  /// Changes the graph first, which can be undone, and then the name, which `body` does. With `isBack`, the image gets
  /// the layers back.
  private func rename(
    in overlay: Node, _ stretch: CommitChain, _ graph: Graph, isBack: Bool = false,
    _ body: (Edge) throws(BlockError) -> Void
  ) throws(BlockError) {
    let wasWritable = overlay.flags.contains(.writable)
    try graph.reopen(overlay, writable: true)
    defer { if !wasWritable { makeReadOnly(overlay, graph) } }
    let writer = graph.makeUser(
      "commit: overlay '\(overlay.fileName)'",
      request: PermissionRequest(held: .graphMod, shared: Permissions.all.subtracting(.graphMod)))
    defer { graph.detach(writer) }
    let edge = try graph.attach(writer, to: overlay)
    try stretch.put(overlay, onBase: !isBack) { () throws(BlockError) in try body(edge) }
  }

  private func makeReadOnly(_ overlay: Node, _ graph: Graph) {
    do throws(BlockError) {
      try graph.reopen(overlay, writable: false)
    } catch {
      warnings.append(
        error.prefixed("could not reopen '\(overlay.fileName)' for reading only", naming: overlay.fileName))
    }
  }
}
