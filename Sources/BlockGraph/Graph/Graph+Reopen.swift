// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
package import Options

extension Graph {
  /// Gives all nodes of a queue their new flags, options and backing files, or none.
  ///
  /// Data that is held back is written first. Permissions are then computed as they follow from the new flags, in the
  /// course of which storage opens its new descriptors; the old ones close when nothing can fail any more. A backing
  /// file that is replaced stays open; nobody may use it then, and it is the caller's to dispose of.
  ///
  /// - Throws: the first refusal; or, with everything reopened, the first failure of a driver's last hook.
  package func reopen(_ queue: ReopenQueue) throws(BlockError) {
    requireThread()
    var reopenings: [Reopening] = []
    for entry in queue.entries { reopenings.append(try Reopening(entry, in: self)) }
    var drained: [Node] = []
    for reopening in reopenings { drained += reopening.exchangedNodes }
    for node in drained { node.drainBegin() }
    defer { for node in drained.reversed() { node.drainEnd() } }
    try prepare(reopenings)
    let edit = GraphEdit(self)
    do throws(BlockError) {
      for reopening in reopenings { try apply(reopening, edit) }
      try refresh(edit)
    } catch {
      edit.rollback()
      for reopening in reopenings.reversed() { reopening.node.driver.abortReopen(of: reopening.node) }
      throw error
    }
    for reopening in reopenings { reopening.node.driver.commitReopen(of: reopening.node) }
    try finish(reopenings)
  }

  private func prepare(_ reopenings: [Reopening]) throws(BlockError) {
    var prepared: [Node] = []
    do throws(BlockError) {
      for reopening in reopenings {
        let node = reopening.node
        try faults.pass("flush '\(node.name)'")
        try node.driver.flush(node)
        try faults.pass("prepare '\(node.name)'")
        prepared.append(node)
        try node.driver.prepareReopen(reopening.flags, options: reopening.options, of: node)
      }
    } catch {
      for node in prepared.reversed() { node.driver.abortReopen(of: node) }
      throw error
    }
  }

  private func apply(_ reopening: Reopening, _ edit: GraphEdit) throws(BlockError) {
    try edit.setFlags(reopening.flags, of: reopening.node)
    edit.setOptions(reopening.options, of: reopening.node)
    switch reopening.backing {
    case .same: break
    case .none: try edit.setBacking(of: reopening.node, to: nil)
    case .node(let backing): try edit.setBacking(of: reopening.node, to: backing)
    }
  }

  private func finish(_ reopenings: [Reopening]) throws(BlockError) {
    var failure: BlockError?
    for reopening in reopenings.reversed() {
      do throws(BlockError) {
        try reopening.node.driver.finishReopen(of: reopening.node)
      } catch {
        failure = failure ?? error.prefixed("node '\(reopening.node.name)'")
      }
    }
    if let failure { throw failure }
  }

  /// Reopens one node, and the children that were opened for it alone, with other flags and, where given, options.
  ///
  /// - Throws: the system's or the format's reason; kind `conflict` where another user stands against it.
  package func reopen(_ node: Node, flags: NodeFlags, options: OptionObject? = nil) throws(BlockError) {
    requireThread()
    var drained = [node]
    var next = 0
    while next < drained.count {
      for edge in drained[next].children where edge.followsParent { drained.append(edge.child) }
      next += 1
    }
    for node in drained { node.drainBegin() }
    defer { for node in drained.reversed() { node.drainEnd() } }
    let queue = ReopenQueue(self)
    queue.add(node, flags: flags, options: options)
    try reopen(queue)
  }

  /// Reopens a node for writing, or for reading only, unless it is so already.
  ///
  /// - Throws: the system's or the format's reason; kind `conflict` where another user stands against it.
  package func reopen(_ node: Node, writable: Bool) throws(BlockError) {
    requireThread()
    guard node.flags.contains(.writable) != writable else { return }
    try reopen(node, flags: writable ? node.flags.union(.writable) : node.flags.subtracting(.writable))
  }
}
