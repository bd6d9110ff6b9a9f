// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Support

/// A chain that a guest writes, and a victim with an owner of its own:
/// guest → overlay (backing) → base; owner → victim; spare filters.
final class CompositeScene {
  let graph: Graph
  let overlay: Node
  let base: Node
  let victim: Node
  let guest: RootUser

  init(ownerShares shared: Permissions) throws(BlockError) {
    graph = Graph()
    overlay = try graph.makeNode(TestFilter(), "overlay")
    base = try graph.makeNode(MemoryStorage([1, 2, 3]), "base")
    // Limits that rise when the victim comes to stand below.
    victim = try graph.makeNode(MemoryStorage([1, 2, 3], alignment: 4096), "victim")
    try graph.attach(base, to: overlay)
    guest = try graph.use(overlay, "the guest", held: [.consistentRead, .write])
    try graph.use(victim, "the owner", held: .consistentRead, shared: shared)
  }

  var state: GraphState { GraphState(graph) }
}

/// The operations that change chains.
enum Composite: String, CaseIterable {
  case attach, append, replace, insert, setBacking, replaceBacking

  /// Runs the operation; it brings something that writes, or relies on reading, to the victim.
  func run(in scene: CompositeScene) throws(BlockError) {
    let nodes = [scene.overlay, scene.base, scene.victim]
    try scene.graph.change(draining: nodes) { (edit: GraphEdit) throws(BlockError) in
      switch self {
      case .attach:
        try edit.attach(scene.victim, to: scene.overlay, slot: .dataFile, role: [.data])
      case .append:
        let filter = try edit.makeNode(TestFilter(), name: "new", flags: [.writable])
        try edit.append(filter, above: scene.base)
        try edit.attach(scene.victim, to: filter, slot: .dataFile, role: [.metadata])
      case .replace:
        try edit.replace(scene.base, with: scene.victim)
      case .insert:
        guard let file = scene.overlay.file else { return }
        let filter = try edit.makeNode(TestFilter(), name: "new", flags: [.writable])
        try edit.insert(filter, into: file)
        try edit.attach(scene.victim, to: filter, slot: .dataFile, role: [.metadata])
      case .setBacking:
        try edit.setBacking(of: scene.overlay, to: scene.victim)
      case .replaceBacking:
        let old = try edit.makeNode(TestFilter(), name: "new", flags: [])
        try edit.setBacking(of: scene.overlay, to: old)
        try edit.setBacking(of: scene.overlay, to: scene.victim)
      }
    }
  }

  /// The edges after the operation.
  var edges: [String] {
    let users = ["the guest root overlay", "the owner root victim"]
    switch self {
    case .attach: return users + ["node 'overlay' file base", "node 'overlay' data-file victim"]
    case .append, .insert:
      return users + ["node 'overlay' file new", "node 'new' file base", "node 'new' data-file victim"]
    case .replace: return users + ["node 'overlay' file victim"]
    case .setBacking, .replaceBacking:
      return users + ["node 'overlay' file base", "node 'overlay' backing victim"]
    }
  }
}
