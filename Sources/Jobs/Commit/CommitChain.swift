// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// The part of a chain that a commit works on, from the image down to its base, with the permissions for it.
/// Graph API.
final class CommitChain {
  /// The job's use of the image.
  private(set) var source: RootUser?
  /// The job's use of the uppermost filter in front of the image that it is read through, where there is one.
  private(set) var reader: RootUser?
  /// The job's use of the base.
  private(set) var target: RootUser?
  private let graph: Graph
  /// The image as it was opened.
  private let image: Node
  /// The image below all filters.
  private let top: Node
  private let base: Node
  private let description: String
  private var filter: Node?
  private var middle: [RootUser] = []
  private var frozen: [Edge] = []
  /// Nodes that were open for reading only.
  private var reopened: [Node] = []

  init(image: Node, base: Node, description: String, graph: Graph) {
    self.image = image
    top = image.unfiltered
    self.base = base
    self.description = description
    self.graph = graph
  }

  /// Opens the base for writing, puts a filter above the image and requests permissions for every layer. After a
  /// failure, `letGo` undoes the steps that were done.
  func take(emptying: Bool) throws(BlockError) {
    try openForWriting(base)
    if emptying || isInStep(top) { try openForWriting(top) }
    let source = graph.makeUser(
      description,
      request: PermissionRequest(held: emptying || isInStep(top) ? .write : [], shared: .all))
    let target = graph.makeUser(
      description,
      request: PermissionRequest(
        held: [.consistentRead, .write, .resize], shared: [.consistentRead, .writeUnchanged, .graphMod]))
    (self.source, self.target) = (source, target)
    var layers: [Node] = []
    var layer = top.backing?.child
    while let node = layer, node !== base {
      layers.append(node)
      if isInStep(node) { try openForWriting(node) }
      middle.append(
        graph.makeUser(
          description,
          request: PermissionRequest(
            held: isInStep(node) ? .write : [], shared: Permissions.all.subtracting(.consistentRead))))
      layer = node.backing?.child
    }
    let middle = middle
    let front = readableFront
    let reader =
      front === top
      ? nil : graph.makeUser(description, request: PermissionRequest(held: [], shared: .all))
    self.reader = reader
    let filter = try graph.change(draining: [top, base] + layers) { (edit: GraphEdit) throws(BlockError) in
      let filter = try edit.makeNode(
        CommitFilter(), fileName: top.fileName, flags: top.flags.intersection(.writable).union(.implicit))
      try edit.append(filter, above: top)
      try edit.attach(source, to: top, staysAtNode: true)
      if let reader { try edit.attach(reader, to: front, staysAtNode: true) }
      for (user, node) in zip(middle, layers) { try edit.attach(user, to: node, staysAtNode: true) }
      try edit.attach(target, to: base, staysAtNode: true)
      return filter
    }
    self.filter = filter
    frozen = try graph.freezeChain(from: filter, to: base, for: description)
  }

  /// The uppermost of the filters in front of the image below those that write what they read, or the image: nothing is
  /// written to it now.
  private var readableFront: Node {
    var (front, node) = (image, image)
    while let edge = node.filtered {
      node = edge.child
      if edge.request.held.contains(.writeUnchanged) { front = node }
    }
    return front
  }

  /// Whether a layer stands on the base itself, and may have to know it again when that gets another content.
  private func isInStep(_ node: Node) -> Bool {
    node.backing?.child === base && node.driver is any IdentifiedDriver
  }

  /// The job's use of the layer that stands on the base, where that has to know it again.
  var follower: Edge? {
    (middle + [source].compactMap { $0 }).compactMap(\.edge).first { isInStep($0.child) }
  }

  private func openForWriting(_ node: Node) throws(BlockError) {
    guard !node.flags.contains(.writable) else { return }
    try graph.reopen(node, writable: true)
    reopened.append(node)
  }

  /// Leaves the chain as it was before `take`, however far that came.
  func letGo(_ warnings: inout [BlockError]) {
    release()
    remove(&warnings)
    for node in reopened.reversed() {
      do throws(BlockError) {
        try graph.reopen(node, writable: false)
      } catch {
        warnings.append(
          error.prefixed("could not reopen '\(node.fileName)' for reading only", naming: node.fileName))
      }
    }
    reopened = []
  }

  /// Lets `overlay` stand on the base, instead of the image, or the other way round, until `body` is done, and when
  /// that went well, from then on. `letGo` is still to be called; it closes the layers above the base that nobody uses.
  func put(_ overlay: Node, onBase: Bool, _ body: () throws(BlockError) -> Void) throws(BlockError) {
    guard let filter, let link = overlay.backing else { return }
    release()
    func put(on node: Node) throws(BlockError) {
      try graph.change(draining: [overlay, filter, base]) { (edit: GraphEdit) throws(BlockError) in
        try edit.replaceChild(of: link, with: node)
      }
    }
    try put(on: onBase ? base : filter)
    do throws(BlockError) {
      try body()
    } catch {
      // Both chains read the same.
      try? put(on: onBase ? filter : base)
      throw error
    }
  }

  /// Lets the image's users use the base instead, which stays open for writing; the layers above it are closed.
  ///
  /// - Throws: kind `conflict` where the base's users stand against them; then `letGo` is still to be called.
  func replaceByBase() throws(BlockError) {
    guard let filter else { return }
    release()
    try graph.change(draining: [filter, base]) { (edit: GraphEdit) throws(BlockError) in
      try edit.replace(filter, with: base)
    }
    graph.dispose(ofUnused: filter)
    self.filter = nil
    reopened.removeAll { $0 === base }
  }

  /// Gives back what the job itself holds of the layers.
  private func release() {
    graph.thaw(frozen)
    frozen = []
    for user in middle + [reader, source, target].compactMap({ $0 }) { graph.detach(user) }
    (reader, source, target, middle) = (nil, nil, nil, [])
  }

  private func remove(_ warnings: inout [BlockError]) {
    guard let filter else { return }
    do throws(BlockError) {
      try graph.change(draining: [filter, top]) { (edit: GraphEdit) throws(BlockError) in
        try edit.replace(filter, with: top)
      }
      graph.dispose(ofUnused: filter)
    } catch {
      warnings.append(error.prefixed("could not take the filter off '\(top.fileName)'", naming: top.fileName))
    }
    self.filter = nil
  }
}
