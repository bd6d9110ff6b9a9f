// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph

extension Graph {
  /// What is wrong with the graph between two changes: links that only one end knows, roles and claims that cannot
  /// stand beside each other, claims that do not follow from what they are derived from.
  package var violations: [String] {
    var found: [String] = []
    for node in nodes {
      found += shape(of: node)
      let parents = parents(of: node)
      for holder in parents {
        for other in parents
        where other !== holder && !other.request.shared.isSuperset(of: holder.request.held) {
          found.append(
            "\(node.name): \(holder.parent.parentDescription) holds what \(other.parent.parentDescription) minds"
          )
        }
      }
    }
    for user in rootUsers {
      guard let edge = user.edge else { continue }
      let isInactive = edge.child.flags.contains(.inactive)
      if edge.request != (isInactive ? .none : user.request) {
        found.append("\(user.parentDescription): request")
      }
      if !parents(of: edge.child).contains(where: { $0 === edge }) {
        found.append("\(user.parentDescription): unknown to \(edge.child.name)")
      }
    }
    return found
  }

  private func shape(of node: Node) -> [String] {
    var found: [String] = []
    let isInactive = node.flags.contains(.inactive)
    let parents = isInactive ? PermissionRequest.none : cumulativePermissions(of: node)
    if Set(node.children.map(\.slot)).count != node.children.count {
      found.append("\(node.name): slot taken twice")
    }
    for single in [EdgeRole.filtered, .cow, .primary] {
      if node.children.filter({ $0.role.contains(single) }).count > 1 {
        found.append("\(node.name): role taken twice")
      }
    }
    for edge in node.children {
      let name = "\(node.name) \(edge.slot.rawValue)"
      if !edge.role.isValid { found.append("\(name): role") }
      if edge.parent !== node { found.append("\(name): parent") }
      if self.parents(of: edge.child).filter({ $0 === edge }).count != 1 {
        found.append("\(name): unknown below")
      }
      if self.node(named: edge.child.name) !== edge.child { found.append("\(name): leads out of the graph") }
      let request = node.driver.childPermissions(
        slot: edge.slot, role: edge.role, parents: parents, flags: node.flags)
      if edge.request != request { found.append("\(name): request") }
    }
    if limits(of: node) != node.limits { found.append("\(node.name): limits") }
    return found
  }

  private func limits(of node: Node) -> Limits { node.driver.limits(of: node) }
}
