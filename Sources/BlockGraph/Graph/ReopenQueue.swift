// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
package import Options

/// Nodes that are to be reopened together, with the flags and options that each is to have.
///
/// The nodes are drained, by the caller, from before they are queued until the reopening is over.
package final class ReopenQueue {
  /// One node to be reopened.
  package struct Entry {
    /// The node.
    package let node: Node
    /// The flags that it is to have.
    package internal(set) var flags: NodeFlags
    /// The options that it is to have, nil to keep them.
    package internal(set) var options: OptionObject?
  }

  private let graph: Graph
  /// The nodes that were queued, parents before the children that follow them.
  package private(set) var entries: [Entry] = []

  /// An empty queue.
  package init(_ graph: Graph) { self.graph = graph }

  /// Queues a node, and the children that were opened for it alone: they change as it does.
  ///
  /// Backing files are images by themselves and stay as they are. Traps for a node that is not drained.
  ///
  /// - Parameter options: all of the driver's own that are to count: those left out go back to their defaults.
  ///   `backing` names the node to stand there, or is null for none. Options that the node is made of (`driver`,
  ///   `node-name`, `filename`, the children's names) may be stated as they are, or left out. Those of a child that
  ///   follows stand in an object under the child's slot.
  package func add(_ node: Node, flags: NodeFlags, options: OptionObject? = nil) {
    graph.requireThread()
    addAlone(node, flags: flags, options: options)
    let gained = flags.subtracting(node.flags)
    let lost = node.flags.subtracting(flags)
    for edge in node.children where edge.followsParent {
      add(
        edge.child, flags: edge.child.flags.union(gained).subtracting(lost),
        options: options?[edge.slot.rawValue]?.object)
    }
  }

  /// Queues a node without the children that follow it.
  func addAlone(_ node: Node, flags: NodeFlags, options: OptionObject? = nil) {
    invariant(node.gate.isDrained, "node '\(node.name)' queued for reopening, which is not drained")
    if let known = entries.firstIndex(where: { $0.node === node }) {
      entries[known].flags = flags
      if let options { entries[known].options = options }
    } else {
      entries.append(Entry(node: node, flags: flags, options: options))
    }
  }
}

/// The effect of a queue's entry, once names are looked up and options are compared.
struct Reopening {
  /// The backing file to be.
  enum Backing {
    case same
    case none
    case node(Node)
  }

  let node: Node
  let flags: NodeFlags
  /// The driver's own options to be.
  let options: OptionObject
  let backing: Backing

  /// The backing file that goes and the one that comes, where it is to change.
  var exchangedNodes: [Node] {
    let present = node.backing.map { [$0.child] } ?? []
    switch backing {
    case .same: return []
    case .none: return present
    case .node(let new): return present + [new]
    }
  }

  /// - Throws: kind `invalidArgument`, naming an option that cannot be changed; kind `notFound` for an unknown node.
  init(_ entry: ReopenQueue.Entry, in graph: Graph) throws(BlockError) {
    node = entry.node
    flags = entry.flags
    guard flags.isDisjoint(with: .writable) || flags.isDisjoint(with: .forceShare) else {
      throw BlockError(.invalidArgument, "force-share=on can only be used with read-only images")
    }
    let present = entry.node.options.object ?? [:]
    guard var options = entry.options else {
      (self.options, backing) = (present, .same)
      return
    }
    backing = try Reopening.takeBacking(&options, of: entry.node, in: graph)
    try Reopening.takeIdentity(&options, of: entry.node)
    if let path = present["filename"] { options["filename"] = path }
    try Reopening.compare(present, with: options, of: entry.node)
    self.options = options
  }

  private static func takeBacking(_ options: inout OptionObject, of node: Node, in graph: Graph)
    throws(BlockError) -> Backing
  {
    guard let value = options.remove("backing") else { return .same }
    guard node.driver.mutableOptions.contains("backing") else { throw unchangeable("backing", of: node) }
    switch value {
    case .null: return .none
    case .string(let name): return .node(try graph.knownNode(named: name))
    default: throw unchangeable("backing", of: node)
    }
  }

  /// Takes out what says which node this is and what it stands on.
  private static func takeIdentity(_ options: inout OptionObject, of node: Node) throws(BlockError) {
    let identity = [("driver", node.driver.name), ("node-name", node.name), ("filename", node.fileName)]
    for (key, present) in identity {
      guard let value = options.remove(key) else { continue }
      if value.string != present { throw unchangeable(key, of: node) }
    }
    for edge in node.children where edge.slot != .backing {
      guard let value = options.remove(edge.slot.rawValue) else { continue }
      // An object was queued with the child.
      let isSame = edge.followsParent && value.object != nil || value.string == edge.child.name
      if !isSame { throw unchangeable(edge.slot.rawValue, of: node) }
    }
  }

  private static func compare(_ present: OptionObject, with options: OptionObject, of node: Node)
    throws(BlockError)
  {
    let mutable = node.driver.mutableOptions
    for key in options.keys + present.keys where present[key] != options[key] {
      let group = key.split(separator: ".").first.map(String.init) ?? key
      if !mutable.contains(group) { throw unchangeable(key, of: node) }
    }
  }

  private static func unchangeable(_ option: String, of node: Node) -> BlockError {
    BlockError(.invalidArgument, "The option '\(option)' of node '\(node.name)' cannot be changed")
  }
}
