// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors

/// Nodes that are to be reopened together, with the flags that each is to have.
///
/// The nodes are drained, by the caller, from before they are queued until the reopening is over.
public final class ReopenQueue {
  /// One node to be reopened.
  public struct Entry {
    /// The node.
    public let node: Node
    /// The flags that it is to have.
    public internal(set) var flags: NodeFlags
  }

  private let graph: Graph
  /// What was queued, parents before the children that follow them.
  public private(set) var entries: [Entry] = []

  /// An empty queue.
  public init(_ graph: Graph) { self.graph = graph }

  /// Queues a node, and the children that were opened for it alone: they change as it does.
  ///
  /// Backing files are images by themselves and stay as they are. Traps for a node that is not drained.
  public func add(_ node: Node, flags: NodeFlags) {
    graph.requireThread()
    // Not `precondition`: release builds drop its message, and the message is what names the rule.
    guard node.gate.isDrained else {
      fatalError("node '\(node.name)' queued for reopening, which is not drained")
    }
    let gained = flags.subtracting(node.flags)
    let lost = node.flags.subtracting(flags)
    if let known = entries.firstIndex(where: { $0.node === node }) {
      entries[known].flags = flags
    } else {
      entries.append(Entry(node: node, flags: flags))
    }
    for edge in node.children where edge.followsParent {
      add(edge.child, flags: edge.child.flags.union(gained).subtracting(lost))
    }
  }
}

extension Graph {
  /// Gives all nodes of a queue their new flags, or none.
  ///
  /// What is held back is written first. Permissions are then computed as they follow from the new flags, in the
  /// course of which storage opens its new descriptors; the old ones close when nothing can fail any more.
  ///
  /// - Throws: the first refusal; or, with everything reopened, the first failure of a driver's last hook.
  public func reopen(_ queue: ReopenQueue) throws(BlockError) {
    requireThread()
    try prepare(queue)
    let edit = GraphEdit(self)
    do throws(BlockError) {
      for entry in queue.entries { try edit.setFlags(entry.flags, of: entry.node) }
      try refresh(edit)
    } catch {
      edit.rollback()
      for entry in queue.entries.reversed() { entry.node.driver.abortReopen(of: entry.node) }
      throw error
    }
    for entry in queue.entries { entry.node.driver.commitReopen(of: entry.node) }
    var failure: BlockError?
    for entry in queue.entries.reversed() {
      do throws(BlockError) {
        try entry.node.driver.finishReopen(of: entry.node)
      } catch {
        failure = failure ?? error.prefixed("node '\(entry.node.name)'")
      }
    }
    if let failure { throw failure }
  }

  private func prepare(_ queue: ReopenQueue) throws(BlockError) {
    var prepared: [Node] = []
    do throws(BlockError) {
      for entry in queue.entries {
        try refuseFlags(entry)
        try faults.pass("flush '\(entry.node.name)'")
        try entry.node.driver.flush(entry.node)
        try faults.pass("prepare '\(entry.node.name)'")
        prepared.append(entry.node)
        try entry.node.driver.prepareReopen(entry.flags, of: entry.node)
      }
    } catch {
      for node in prepared.reversed() { node.driver.abortReopen(of: node) }
      throw error
    }
  }

  private func refuseFlags(_ entry: ReopenQueue.Entry) throws(BlockError) {
    guard entry.flags.isSuperset(of: [.writable, .forceShare]) else { return }
    throw BlockError(.invalidArgument, "force-share=on can only be used with read-only images")
  }

  /// Reopens a node for writing, or for reading only, unless it is so already.
  ///
  /// - Throws: the system's or the format's reason; kind `conflict` where another user stands against it.
  public func reopen(_ node: Node, writable: Bool) throws(BlockError) {
    requireThread()
    guard node.flags.contains(.writable) != writable else { return }
    var drained = [node]
    var next = 0
    while next < drained.count {
      for edge in drained[next].children where edge.followsParent { drained.append(edge.child) }
      next += 1
    }
    for node in drained { node.drainBegin() }
    defer { for node in drained.reversed() { node.drainEnd() } }
    let queue = ReopenQueue(self)
    queue.add(node, flags: writable ? node.flags.union(.writable) : node.flags.subtracting(.writable))
    try reopen(queue)
  }
}
