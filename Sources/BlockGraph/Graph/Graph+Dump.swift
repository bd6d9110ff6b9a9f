// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The graph as plain data, for the `graph` command and for comparing before and after.
public struct GraphDump: Sendable, Equatable {
  /// One node.
  public struct NodeEntry: Sendable, Equatable {
    /// The node's name.
    public var name: String
    /// Its driver.
    public var driver: String
    /// Its file's name.
    public var fileName: String
    /// How it is open.
    public var flags: NodeFlags
    /// What it asks of requests.
    public var limits: Limits
  }

  /// One edge.
  public struct EdgeEntry: Sendable, Equatable {
    /// The description of the parent.
    public var parent: String
    /// The name of the child node.
    public var child: String
    /// The slot.
    public var slot: String
    /// What the child is to the parent.
    public var role: EdgeRole
    /// What the parent holds and shares.
    public var request: PermissionRequest
    /// The job that froze the edge.
    public var frozenBy: String?
  }

  /// The users, by description.
  public var users: [String] = []
  /// The nodes, in the order made.
  public var nodes: [NodeEntry] = []
  /// The edges: those of users first, then node by node.
  public var edges: [EdgeEntry] = []
}

extension Graph {
  /// The graph as it stands.
  public func dump() -> GraphDump {
    requireThread()
    var dump = GraphDump()
    for user in users {
      dump.users.append(user.parentDescription)
      if let edge = user.edge { dump.edges.append(entry(edge)) }
    }
    for node in order {
      dump.nodes.append(
        GraphDump.NodeEntry(
          name: node.name, driver: node.driver.name, fileName: node.fileName, flags: node.flags,
          limits: node.limits))
      for edge in node.children { dump.edges.append(entry(edge)) }
    }
    return dump
  }

  private func entry(_ edge: Edge) -> GraphDump.EdgeEntry {
    GraphDump.EdgeEntry(
      parent: edge.parent.parentDescription, child: edge.child.name, slot: edge.slot.rawValue,
      role: edge.role,
      request: edge.request, frozenBy: edge.frozenBy)
  }
}
