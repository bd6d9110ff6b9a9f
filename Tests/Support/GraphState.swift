// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph

/// Everything that a failed change must leave as it was.
package struct GraphState: Equatable {
  private let dump: GraphDump
  private let parents: [[String]]
  private let users: [PermissionRequest]

  /// The state now.
  package init(_ graph: Graph) {
    dump = graph.dump()
    parents = graph.nodes.map { node in graph.parents(of: node).map(\.parent.parentDescription) }
    users = graph.rootUsers.map(\.request)
  }
}
