// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Options

/// The steps of one change of the graph. They act on the real graph at once; when the change ends, permissions
/// are computed on the edited graph, and either everything stays or everything is undone, newest step first.
package final class GraphEdit {
  let graph: Graph
  private var undo: [() -> Void] = []
  /// Nodes that this change made: nobody can have requests in flight there.
  private var made: Set<ObjectIdentifier> = []
  private(set) var touched: [Node] = []
  private var isTouched: Set<ObjectIdentifier> = []

  init(_ graph: Graph) { self.graph = graph }

  func touch(_ node: Node) {
    if isTouched.insert(ObjectIdentifier(node)).inserted { touched.append(node) }
  }

  /// Notes how to take a step back that was just made.
  func onRollback(_ step: @escaping () -> Void) { undo.append(step) }

  func rollback() {
    while let step = undo.popLast() { step() }
  }

  /// Begins a step: checks the thread, and passes the fault point `step`.
  func begin(_ step: @autoclosure () -> String, _ entry: StaticString = #function) throws(BlockError) {
    graph.requireThread(entry)
    try graph.faults.pass(step())
  }

  // MARK: Nodes

  /// Puts a new node into the graph.
  func add(_ node: Node) throws(BlockError) {
    try begin("add '\(node.name)'")
    guard graph.nodesByName[node.name] == nil else {
      throw BlockError(.alreadyExists, "Duplicate nodes with node-name='\(node.name)'")
    }
    graph.register(node)
    made.insert(ObjectIdentifier(node))
    onRollback { [graph] in graph.unregister(node) }
    touch(node)
  }

  /// Makes a node of a driver that is open already; it need not be drained for the rest of this change.
  ///
  /// - Parameters:
  ///   - name: nil for a generated one.
  ///   - fileName: the name of the node's file in messages; the driver's name where it has no file.
  /// - Throws: kind `alreadyExists` where a node has that name, `invalidArgument` for what is no name.
  package func makeNode(
    _ driver: any BlockDriver, name: String? = nil, fileName: String? = nil, flags: NodeFlags
  ) throws(BlockError) -> Node {
    graph.requireThread()
    if let name { try Graph.refuseNodeName(name) }
    let node = Node(
      name: name ?? graph.generateNodeName(), fileName: fileName ?? driver.name, driver: driver, flags: flags,
      options: .null)
    try add(node)
    return node
  }

  /// Exchanges the driver of a node that nobody uses yet.
  func install(_ driver: any BlockDriver, in node: Node) {
    invariant(node.parents.isEmpty, "driver of '\(node.name)' exchanged while in use")
    let before = node.driver
    node.driver = driver
    onRollback { node.driver = before }
    touch(node)
  }

  /// Gives a node other flags.
  package func setFlags(_ flags: NodeFlags, of node: Node) throws(BlockError) {
    try begin("flags of '\(node.name)'")
    requireDrained(node)
    let before = node.flags
    node.flags = flags
    onRollback { node.flags = before }
    touch(node)
  }

  /// Gives a node other options of its driver's own.
  func setOptions(_ options: OptionObject, of node: Node) {
    let before = node.options
    node.options = .object(options)
    onRollback { node.options = before }
  }

  // MARK: Edges

  /// Attaches `child` below `parent`. With `followsParent`, the child is reopened whenever the parent is.
  @discardableResult
  package func attach(
    _ child: Node, to parent: Node, slot: EdgeSlot, role: EdgeRole, followsParent: Bool = false
  ) throws(BlockError) -> Edge {
    try begin("attach '\(child.name)' to '\(parent.name)' as \(slot.rawValue)")
    requireDrained(parent)
    requireDrained(child)
    try refuseRole(role, of: parent, replacing: nil)
    try refuseCycle(child, below: parent, slot: slot)
    guard parent.edge(slot) == nil else {
      throw BlockError(.alreadyExists, "node '\(parent.name)' has a child '\(slot.rawValue)' already")
    }
    let edge = Edge(
      slot: slot, role: role, parent: parent, child: child, request: .none, followsParent: followsParent)
    parent.insert(edge)
    child.addParent(edge)
    onRollback {
      parent.remove(edge)
      child.removeParent(edge)
    }
    touch(parent)
    touch(child)
    return edge
  }

  /// Attaches a user to the node whose content it wants.
  @discardableResult
  package func attach(_ user: RootUser, to child: Node, staysAtNode: Bool = false) throws(BlockError) -> Edge
  {
    try begin("attach \(user.parentDescription) to '\(child.name)'")
    requireDrained(child)
    guard user.edge == nil else {
      throw BlockError(.alreadyExists, "\(user.parentDescription) has a node already")
    }
    let edge = Edge(
      slot: .root, role: .root, parent: user, child: child, request: user.request, staysAtNode: staysAtNode)
    user.edge = edge
    child.addParent(edge)
    onRollback {
      user.edge = nil
      child.removeParent(edge)
    }
    touch(child)
    return edge
  }

  /// Removes an edge.
  package func detach(_ edge: Edge) throws(BlockError) {
    try begin("detach '\(edge.child.name)' from \(edge.parent.parentDescription)")
    requireDrained(edge.child)
    try refuseFrozen(edge, "detach")
    let child = edge.child
    if let user = edge.parent as? RootUser {
      user.edge = nil
      onRollback { user.edge = edge }
    } else if let parent = edge.parent as? Node {
      requireDrained(parent)
      let place = parent.remove(edge)
      onRollback { parent.insert(edge, at: place) }
      touch(parent)
    }
    let siblings = child.parents
    child.removeParent(edge)
    onRollback { child.restoreParents(siblings) }
    touch(child)
  }

  /// Lets an edge lead to another node.
  package func replaceChild(of edge: Edge, with child: Node) throws(BlockError) {
    try begin("replace '\(edge.child.name)' by '\(child.name)'")
    requireDrained(edge.child)
    requireDrained(child)
    try refuseFrozen(edge, "replace")
    if let parent = edge.parent as? Node { try refuseCycle(child, below: parent, slot: edge.slot) }
    let before = edge.child
    let oldParents = before.parents
    let newParents = child.parents
    edge.child = child
    before.removeParent(edge)
    child.addParent(edge)
    onRollback {
      edge.child = before
      child.restoreParents(newParents)
      before.restoreParents(oldParents)
    }
    touch(before)
    touch(child)
    if let parent = edge.parent as? Node { touch(parent) }
  }

  /// Changes what a child is to its parent.
  package func setRole(_ role: EdgeRole, of edge: Edge) throws(BlockError) {
    graph.requireThread()
    guard let parent = edge.parent as? Node, role != edge.role else { return }
    try begin("role of '\(edge.child.name)'")
    requireDrained(parent)
    try refuseRole(role, of: parent, replacing: edge)
    let before = edge.role
    edge.role = role
    onRollback { edge.role = before }
    touch(parent)
  }

  /// Changes the permissions that a user asks for; without a node they are kept for the one to come.
  package func setPermissions(_ request: PermissionRequest, of user: RootUser) throws(BlockError) {
    try begin("claim of \(user.parentDescription)")
    let before = user.request
    user.request = request
    onRollback { user.request = before }
    if let edge = user.edge { touch(edge.child) }
  }

  func setPermissions(_ request: PermissionRequest, of edge: Edge) {
    let before = edge.request
    guard before != request else { return }
    edge.request = request
    onRollback { edge.request = before }
  }

  func setLimits(_ limits: Limits, of node: Node) {
    let before = node.limits
    guard before != limits else { return }
    node.limits = limits
    onRollback { node.limits = before }
  }

  // MARK: Refusals

  private func requireDrained(_ node: Node) {
    if made.contains(ObjectIdentifier(node)) { return }
    invariant(node.gate.isDrained, "graph edit at node '\(node.name)', which is not drained")
  }

  private func refuseFrozen(_ edge: Edge, _ action: String) throws(BlockError) {
    guard let job = edge.frozenBy else { return }
    throw BlockError(
      .conflict,
      "Cannot \(action) the link '\(edge.slot.rawValue)' from \(edge.parent.parentDescription) to "
        + "node '\(edge.child.name)': it is frozen by \(job)")
  }

  private func refuseRole(_ role: EdgeRole, of parent: Node, replacing: Edge?) throws(BlockError) {
    guard role.isValid else {
      throw BlockError(.invalidArgument, "node '\(parent.name)': \(role.names) is no role of a child")
    }
    for single in [EdgeRole.filtered, .cow, .primary] where role.contains(single) {
      for edge in parent.children where edge !== replacing && edge.role.contains(single) {
        throw BlockError(
          .invalidArgument,
          "node '\(parent.name)' has a \(single.names[0]) child already: '\(edge.child.name)'")
      }
    }
  }

  private func refuseCycle(_ child: Node, below parent: Node, slot: EdgeSlot) throws(BlockError) {
    guard child.reaches(parent) else { return }
    throw BlockError(
      .refused,
      "Making '\(child.name)' the \(slot.rawValue) child of '\(parent.name)' would create a cycle")
  }
}
