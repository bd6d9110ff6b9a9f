// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

// Nodes that are inactive are open, but the image is somebody else's for the time being.
extension Graph {
  /// Makes a node and all below it active: its users get the permissions they ask for, drivers look at their images
  /// anew, and the parents are told. Does nothing for nodes that are active.
  ///
  /// - Throws: kind `conflict` where another user does not share a permission; or why an image cannot be read any more.
  ///   All these nodes are inactive then.
  package func activate(_ node: Node) throws(BlockError) {
    requireThread()
    let nodes = Graph.parentsFirst([node]).filter { $0.flags.contains(.inactive) }
    try drained(nodes) { () throws(BlockError) in
      try setInactive(false, nodes)
      do throws(BlockError) {
        // Each driver reads through those below it.
        for node in nodes.reversed() {
          try inFile(node.fileName, "Could not activate") { () throws(BlockError) in
            try faults.pass("invalidate '\(node.name)'")
            try node.driver.invalidateCache(node)
          }
        }
      } catch {
        // Permissions are only given up, against which nobody can stand.
        faults.suspended { try? setInactive(true, nodes) }
        throw error
      }
    }
    tellParents(of: nodes, active: true)
  }

  /// Makes a node inactive, and those below it that no active node or user needs: data that is held back is written,
  /// and no permission is held any more. The parents are told. Does nothing for nodes that are inactive.
  ///
  /// Users keep their `PermissionRequest` for when the node is active again; until then, writing traps.
  package func inactivate(_ node: Node) throws(BlockError) {
    requireThread()
    var nodes: [Node] = []
    for other in Graph.parentsFirst([node]) where !other.flags.contains(.inactive) {
      let isNeeded = other.parents.contains { edge in
        guard let parent = edge.parent as? Node else { return true }
        return !parent.flags.contains(.inactive) && !nodes.contains { $0 === parent }
      }
      if other === node || !isNeeded { nodes.append(other) }
    }
    try drained(nodes) { () throws(BlockError) in try setInactive(true, nodes) }
    tellParents(of: nodes, active: false)
  }

  private func drained(_ nodes: [Node], _ body: () throws(BlockError) -> Void) throws(BlockError) {
    for node in nodes { node.drainBegin() }
    defer { for node in nodes.reversed() { node.drainEnd() } }
    try body()
  }

  private func setInactive(_ isInactive: Bool, _ nodes: [Node]) throws(BlockError) {
    let queue = ReopenQueue(self)
    for node in nodes {
      queue.addAlone(
        node, flags: isInactive ? node.flags.union(.inactive) : node.flags.subtracting(.inactive))
    }
    try reopen(queue)
  }

  private func tellParents(of nodes: [Node], active: Bool) {
    for node in nodes {
      for edge in node.parents { edge.parent.childActivated(active) }
    }
  }
}
