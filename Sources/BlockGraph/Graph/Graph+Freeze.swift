// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

extension Graph {
  /// Freezes the links of a chain from `top` down to `base`: nobody replaces or detaches them until thawed.
  ///
  /// - Returns: the links frozen, for `thaw`.
  /// - Throws: kind `conflict`, naming the link, where one is frozen already; then none is.
  package func freezeChain(from top: Node, to base: Node, for job: String) throws(BlockError) -> [Edge] {
    requireThread()
    let links = try chain(from: top, to: base)
    for edge in links {
      if let other = edge.frozenBy {
        throw BlockError(
          .conflict,
          "Cannot freeze the link '\(edge.slot.rawValue)' from \(edge.parent.parentDescription) to node "
            + "'\(edge.child.name)': it is frozen by \(other)")
      }
    }
    for edge in links { edge.frozenBy = job }
    return links
  }

  /// Thaws what `freezeChain` froze.
  package func thaw(_ links: [Edge]) {
    requireThread()
    for edge in links { edge.frozenBy = nil }
  }

  /// The edges that lead from `top` to `base` through backing files and filtered children.
  private func chain(from top: Node, to base: Node) throws(BlockError) -> [Edge] {
    var links: [Edge] = []
    var node = top
    while node !== base {
      guard let next = node.chainEdge else {
        throw BlockError(.notFound, "node '\(base.name)' is not in the chain of '\(top.name)'")
      }
      links.append(next)
      node = next.child
    }
    return links
  }
}
