// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

extension Graph {
  /// Runs one change of the graph: drains `nodes`, lets `body` edit, computes permissions on the edited graph,
  /// and keeps everything or undoes everything.
  package func change<Result>(
    draining nodes: [Node], _ body: (GraphEdit) throws(BlockError) -> Result
  ) throws(BlockError) -> Result {
    requireThread()
    for node in nodes { node.drainBegin() }
    let edit = GraphEdit(self)
    defer { for node in nodes.reversed() { node.drainEnd() } }
    do throws(BlockError) {
      let result = try body(edit)
      try refresh(edit)
      return result
    } catch {
      edit.rollback()
      throw error
    }
  }

  /// Attaches a user to a node, with the permissions that it was made to ask for.
  @discardableResult
  package func attach(_ user: RootUser, to node: Node, staysAtNode: Bool = false) throws(BlockError) -> Edge {
    requireThread()
    return try change(draining: [node]) { (edit: GraphEdit) throws(BlockError) in
      try edit.attach(user, to: node, staysAtNode: staysAtNode)
    }
  }

  /// Computes the permissions below a node anew, because its driver asks for other ones of its children now. All or
  /// nothing.
  package func refreshPermissions(of node: Node) throws(BlockError) {
    requireThread()
    try change(draining: []) { (edit: GraphEdit) throws(BlockError) in edit.touch(node) }
  }

  /// Changes the permissions that a user asks for.
  package func setPermissions(_ request: PermissionRequest, of user: RootUser) throws(BlockError) {
    requireThread()
    try change(draining: []) { (edit: GraphEdit) throws(BlockError) in
      try edit.setPermissions(request, of: user)
    }
  }
}
