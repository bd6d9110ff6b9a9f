// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

extension Graph {
  /// Computes the permissions of everything an edit touched, on the edited graph: the only way they change.
  ///
  /// Each node with its subtree is visited once, parents first. Its users must tolerate each other and its
  /// driver must agree, whose check is followed by exactly one commit or abort, also when it refused.
  func refresh(_ edit: GraphEdit) throws(BlockError) {
    countRefresh()
    let ordered = Graph.parentsFirst(edit.touched)
    var checked: [Node] = []
    do throws(BlockError) {
      try refreshLimits(of: ordered, edit)
      for user in users {
        guard let edge = user.edge else { continue }
        // None while the child is inactive.
        edit.setPermissions(edge.child.flags.contains(.inactive) ? .none : user.request, of: edge)
      }
      for node in ordered {
        try Graph.refuseConflicts(at: node)
        // An inactive node asks for no permissions below, and for no locks of the system.
        let request = node.flags.contains(.inactive) ? .none : node.cumulativePermissions
        try refuseImpossible(request, at: node)
        try faults.pass("check '\(node.name)'")
        checked.append(node)
        try node.driver.checkPermissions(request, of: node)
        for edge in node.children {
          let childPermissions = node.driver.childPermissions(
            slot: edge.slot, role: edge.role, parents: request, flags: node.flags)
          edit.setPermissions(childPermissions, of: edge)
        }
      }
      try faults.pass("commit")
    } catch {
      for node in checked.reversed() { node.driver.abortPermissions(of: node) }
      throw error
    }
    for node in ordered { node.driver.commitPermissions(of: node) }
  }

  /// The nodes and all below them, each once, every node before its children.
  static func parentsFirst(_ nodes: [Node]) -> [Node] {
    var order: [Node] = []
    var done: Set<ObjectIdentifier> = []
    func visit(_ node: Node) {
      guard done.insert(ObjectIdentifier(node)).inserted else { return }
      for edge in node.children.reversed() { visit(edge.child) }
      order.append(node)
    }
    for node in nodes.reversed() { visit(node) }
    return order.reversed()
  }

  /// For every ordered pair of edges: the permissions that one holds must be shared by the other.
  private static func refuseConflicts(at node: Node) throws(BlockError) {
    for holder in node.parents {
      for other in node.parents where other !== holder {
        let refused = holder.request.held.subtracting(other.request.shared)
        guard refused.isEmpty else {
          throw BlockError(
            .conflict,
            "Conflicts with use by \(other.parent.parentDescription) as '\(other.slot.rawValue)', which does "
              + "not allow '\(refused.names.joined(separator: "', '"))' on node '\(node.name)' "
              + "(wanted by \(holder.parent.parentDescription))")
        }
      }
    }
  }

  private func refuseImpossible(_ request: PermissionRequest, at node: Node) throws(BlockError) {
    let writing = request.held.intersection([.write, .writeUnchanged, .resize])
    if !writing.isEmpty && !node.flags.contains(.writable) {
      let names = writing.names.joined(separator: "', '")
      throw BlockError(.readOnly, "node '\(node.name)' cannot grant '\(names)'")
        .prefixed("Block node is read-only", step: .grantPermissions)
    }
  }

  /// Limits follow from the children, so nodes are visited children first: those of a change with all below, parents first
  /// as they come here, and then what stands above them. Others keep theirs.
  private func refreshLimits(of changed: [Node], _ edit: GraphEdit) throws(BlockError) {
    try faults.pass("limits")
    for node in changed.reversed() + Graph.ancestors(of: changed) {
      edit.setLimits(node.driver.limits(of: node), of: node)
    }
  }

  /// The nodes above, each once, every node behind those of its children that are among them.
  private static func ancestors(of nodes: [Node]) -> [Node] {
    var order: [Node] = []
    var done = Set(nodes.map { ObjectIdentifier($0) })
    func visit(_ node: Node) {
      for edge in node.parents {
        guard let parent = edge.parent as? Node, done.insert(ObjectIdentifier(parent)).inserted else {
          continue
        }
        visit(parent)
        order.append(parent)
      }
    }
    for node in nodes { visit(node) }
    return order.reversed()
  }
}
