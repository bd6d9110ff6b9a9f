// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

// Changes made of several steps: what jobs do to chains. Each is part of the change it is called in, so that
// it stays or is undone together with the rest.
extension GraphEdit {
  /// Puts `filter` above `node`: every user of the node moves to the filter, but for edges that stay at their
  /// node, and the filter gets the node as its child.
  ///
  /// With the role `cow` in the slot `backing`, this puts a new overlay on top.
  /// - Throws: kind `refused` for a cycle; kind `conflict` for a frozen link.
  @discardableResult
  package func append(
    _ filter: Node, above node: Node, slot: EdgeSlot = .file, role: EdgeRole = [.filtered, .primary]
  ) throws(BlockError) -> Edge {
    try begin("append '\(filter.name)' above '\(node.name)'")
    let edge = try attach(node, to: filter, slot: slot, role: role)
    try moveUsers(of: node, to: filter)
    return edge
  }

  /// Puts `node` into the middle of `edge`: the edge then leads to it, and the edge's child is its child.
  @discardableResult
  package func insert(
    _ node: Node, into edge: Edge, slot: EdgeSlot = .file, role: EdgeRole = [.filtered, .primary]
  ) throws(BlockError) -> Edge {
    try begin("insert '\(node.name)' above '\(edge.child.name)'")
    let below = try attach(edge.child, to: node, slot: slot, role: role)
    try replaceChild(of: edge, with: node)
    return below
  }

  /// Puts `node` into the middle of `edge` so that it is reopened whenever the edge's parent is; what stands below it is
  /// then reopened where it was before.
  func insertFollower(_ node: Node, into edge: Edge) throws(BlockError) {
    try begin("insert '\(node.name)' above '\(edge.child.name)'")
    let before = edge.followsParent
    try attach(edge.child, to: node, slot: .file, role: [.filtered, .primary], followsParent: before)
    try replaceChild(of: edge, with: node)
    edge.followsParent = true
    onRollback { edge.followsParent = before }
  }

  /// Lets every user of `node` use `other` instead, but for edges that stay at their node and for links that
  /// `other` itself stands on.
  ///
  /// - Throws: kind `conflict` for a frozen link; then nothing moved.
  package func replace(_ node: Node, with other: Node) throws(BlockError) {
    try begin("replace node '\(node.name)' by '\(other.name)'")
    try moveUsers(of: node, to: other)
  }

  /// Gives `node` another backing file, or none.
  ///
  /// - Throws: kind `conflict` where the present link is frozen; kind `refused` where the present backing file
  ///   is a node that the engine put there, or where the new one stands on `node`.
  package func setBacking(of node: Node, to backing: Node?) throws(BlockError) {
    try begin("backing of '\(node.name)'")
    if let present = node.backing {
      try refuseImplicit(present)
      if present.child === backing { return }
      guard let backing else { return try detach(present) }
      return try replaceChild(of: present, with: backing)
    }
    if let backing { try attach(backing, to: node, slot: .backing, role: .cow) }
  }

  private func moveUsers(of node: Node, to other: Node) throws(BlockError) {
    guard node !== other else { return }
    for edge in node.parents where !edge.staysAtNode {
      // A node below the other one cannot stand on it.
      if let parent = edge.parent as? Node, other.reaches(parent) { continue }
      try replaceChild(of: edge, with: other)
    }
  }

  /// A node that the engine inserted is there for a purpose that a change across it would defeat.
  private func refuseImplicit(_ edge: Edge) throws(BlockError) {
    guard edge.child.flags.contains(.implicit) else { return }
    throw BlockError(
      .refused,
      "Cannot change the link '\(edge.slot.rawValue)' of \(edge.parent.parentDescription): it leads "
        + "through node '\(edge.child.name)', which was inserted automatically")
  }
}
