// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Options

extension Graph {
  /// Detaches a user from its node, which stays open.
  package func detach(_ user: RootUser) {
    requireThread()
    if let edge = user.edge { giveUp([edge], draining: [edge.child]) }
    forget(user)
  }

  /// Detaches edges whose parent goes. Giving permissions up cannot conflict, and nobody could do anything about
  /// a failure: a driver that refuses has to put up with it.
  private func giveUp(_ edges: [Edge], draining nodes: [Node]) {
    faults.suspended {
      try? change(draining: nodes) { (edit: GraphEdit) throws(BlockError) in
        for edge in edges {
          edge.frozenBy = nil
          try edit.detach(edge)
        }
      }
    }
    for edge in edges {
      edge.child.removeParent(edge)
      if let user = edge.parent as? RootUser { user.edge = nil }
      if let node = edge.parent as? Node { node.remove(edge) }
    }
  }

  /// Forgets a user, and closes the nodes that only it used, top first: each writes what it still holds back.
  ///
  /// - Throws: the first failure of writing back; everything is closed all the same.
  package func release(_ user: RootUser) throws(BlockError) {
    requireThread()
    let node = user.edge?.child
    detach(user)
    if let node { try close(node) }
  }

  /// Lets go of the image called `name` at the end of a job, where `user` has one; returns what went wrong.
  package func close(_ user: RootUser?, named name: String) -> BlockError? {
    guard let user else { return nil }
    do throws(BlockError) {
      try release(user)
      return nil
    } catch {
      return error.prefixed("could not close '\(name)'", naming: name)
    }
  }

  /// Releases every user there is, the newest first, so that no file stays open or locked.
  ///
  /// - Parameter failed: told of each user whose images could not be written back.
  package func releaseAll(failed: (RootUser, BlockError) -> Void) {
    requireThread()
    for user in users.reversed() {
      do throws(BlockError) { try release(user) } catch { failed(user, error) }
    }
    dispose(keeping: [])
  }

  /// Closes all nodes but `kept`; failures have been reported already.
  func dispose(keeping kept: [Node]) {
    while let node = order.last(where: { node in
      node.parents.isEmpty && !kept.contains { $0 === node }
    }) {
      try? node.driver.close(node)
      disconnect(node)
    }
  }

  /// Takes a node without parents out of the graph; its children stay.
  private func disconnect(_ node: Node) {
    giveUp(node.children, draining: [node] + node.children.map(\.child))
    unregister(node)
    // Code that still knows the node must not keep its file open.
    node.driver = UnopenedDriver(node.driver.name)
  }

  /// Closes a node that has no users or parents, and what only it used.
  func close(_ node: Node) throws(BlockError) {
    guard node.parents.isEmpty, nodesByName[node.name] === node else { return }
    var failure: BlockError?
    do throws(BlockError) { try node.driver.close(node) } catch { failure = error }
    let children = node.children
    disconnect(node)
    for edge in children {
      do throws(BlockError) { try close(edge.child) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }

  /// Closes a node that never came to be used; a failure then has a cause that is reported already.
  package func dispose(ofUnused node: Node) {
    requireThread()
    try? close(node)
  }

  /// Attaches a user to a node that nobody uses yet, and closes the node where that fails.
  package func attach(_ user: RootUser, toUnused node: Node) throws(BlockError) {
    do throws(BlockError) {
      try attach(user, to: node)
    } catch {
      dispose(ofUnused: node)
      throw error
    }
  }

  /// Puts storage that is already open into the graph; the caller attaches a user.
  package func adopt(_ driver: any StorageDriver, fileName: String, flags: NodeFlags) throws(BlockError)
    -> Node
  {
    requireThread()
    return try change(draining: []) { (edit: GraphEdit) throws(BlockError) in
      try edit.makeNode(faults.wrapStorage?(driver) ?? driver, fileName: fileName, flags: flags)
    }
  }
}
