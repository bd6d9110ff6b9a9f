// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
public import Errors

/// Which layers of a chain are to go.
public struct DropLayersOptions: Sendable {
  /// The name of the uppermost layer to go, nil for the image itself: its users use the base from then on.
  public var top: String?
  /// The name of the layer that takes up what they hold, nil for the backing file of the uppermost.
  public var base: String?
  /// Bytes a second, or nil for as fast as can be.
  public var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  public var threads: Int?

  /// Commits the image itself to its backing file.
  public init() {}
}

/// Commits layers of an open chain into the one below them and takes them out of the chain. Their files stay.
///
/// The base is written first and made durable. Then the image above them names the base as its backing file; only
/// for that it is open for writing, where it was open for reading. At any moment it reads the same. Without an image
/// above, the users move to the base, which stays open for writing.
public final class DropLayersJob: Job {
  /// `commit`.
  public let kind = "commit"
  private let options: DropLayersOptions
  private let user: RootUser
  private var graph: Graph?
  private var stretch: CommitStretch?
  /// The image above the layers that go.
  private var overlay: Node?
  private var base: ChainLayer?
  private var warnings: [String] = []

  /// Drops layers of the image that `user` has open.
  public init(_ options: DropLayersOptions, of user: RootUser) {
    self.options = options
    self.user = user
  }

  /// Finds the layers and takes hold of them.
  public func prepare(in graph: Graph) throws(BlockError) {
    self.graph = graph
    guard let image = user.edge?.child else { throw BlockError(.notFound, "there is no image to commit") }
    var top = image
    if let name = options.top {
      guard let layer = ChainLayer(named: name, below: image) else { throw notFound(name, below: image) }
      (top, overlay) = (layer.node, layer.upper)
    }
    let base = options.base.map { ChainLayer(named: $0, below: top) } ?? ChainLayer(below: top)
    guard let base else {
      if let name = options.base { throw notFound(name, below: top) }
      throw BlockError(.invalidArgument, "Image '\(top.fileName)' does not have a backing file")
    }
    self.base = base
    let stretch = CommitStretch(
      top: top, base: base.node, description: "commit of '\(top.fileName)'", graph: graph)
    self.stretch = stretch
    try stretch.take(emptying: false)
  }

  private func notFound(_ name: String, below node: Node) -> BlockError {
    BlockError(.notFound, "Did not find '\(name)' in the backing chain of '\(node.fileName)'")
  }

  /// Copies to the base, then takes the layers out.
  public func run(_ context: JobContext) throws(BlockError) {
    guard let graph, let stretch, let base else { return }
    try stretch.copy(CommitPace(threads: options.threads, rateLimit: options.rateLimit), context)
    try stretch.hideRest(upTo: overlay?.length)
    guard let overlay else { return try stretch.replaceByBase() }
    try inContext("Could not change the backing file of '\(overlay.fileName)'") { () throws(BlockError) in
      try rename(in: overlay, to: base, stretch, graph)
    }
  }

  /// Lets go of the chain; layers that were open for reading only are so again.
  public func clean(in graph: Graph, warnings: inout [String]) {
    stretch?.letGo(&self.warnings)
    stretch = nil
    warnings += self.warnings
    (overlay, base, self.graph) = (nil, nil, nil)
  }

  // MARK: The image above

  /// Changes the graph first, which can be undone, and then the name.
  private func rename(in overlay: Node, to base: ChainLayer, _ stretch: CommitStretch, _ graph: Graph)
    throws(BlockError)
  {
    let wasWritable = overlay.flags.contains(.writable)
    try graph.reopen(overlay, writable: true)
    defer { if !wasWritable { makeReadOnly(overlay, graph) } }
    let writer = graph.makeUser(
      "commit: overlay '\(overlay.fileName)'",
      claim: Claim(held: .graphMod, shared: Permissions.all.subtracting(.graphMod)))
    defer { graph.detach(writer) }
    let edge = try graph.attach(writer, to: overlay)
    try stretch.putOnBase(overlay) { () throws(BlockError) in
      try edge.setBackingFile(base.name(for: overlay), format: base.node.driver.name)
    }
  }

  private func makeReadOnly(_ overlay: Node, _ graph: Graph) {
    do throws(BlockError) {
      try graph.reopen(overlay, writable: false)
    } catch {
      warnings.append("could not reopen '\(overlay.fileName)' for reading only: \(error.message)")
    }
  }
}
