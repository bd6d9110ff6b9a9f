// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The graph as plain data, for the `graph` command and for comparing before and after.
package struct GraphDump: Sendable, Equatable {
  /// One node.
  package struct NodeEntry: Sendable, Equatable {
    /// The node's name.
    package var name: String
    /// Its driver.
    package var driver: String
    /// Its file's name.
    package var fileName: String
    /// How it is open.
    package var flags: NodeFlags
    /// The limits that it sets to requests.
    package var limits: Limits
  }

  /// One edge.
  package struct EdgeEntry: Sendable, Equatable {
    /// The description of the parent.
    package var parent: String
    /// The name of the child node.
    package var child: String
    /// The slot.
    package var slot: String
    /// The role of the child for the parent.
    package var role: EdgeRole
    /// The permissions that the parent holds and shares.
    package var request: PermissionRequest
    /// The job that froze the edge.
    package var frozenBy: String?
  }

  /// The users, by description.
  package var users: [String] = []
  /// The nodes, in the order made.
  package var nodes: [NodeEntry] = []
  /// The edges: those of users first, then node by node.
  package var edges: [EdgeEntry] = []
}

extension Graph {
  /// The graph as it stands.
  package func dump() -> GraphDump {
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
