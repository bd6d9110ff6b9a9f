// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Synchronization

/// The link from a parent to one child, with an identity of its own: the same child may stand in two slots.
///
/// I/O goes through edges, since an edge knows what its parent may do. Only the graph changes an edge; it
/// does so on its own thread, with both ends drained, so that requests see one state from start to end.
package final class Edge: @unchecked Sendable {
  /// The place among the parent's children that this is.
  package let slot: EdgeSlot
  /// The parent: another node, or a user of the graph.
  package let parent: any EdgeParent
  /// The node below.
  package internal(set) var child: Node
  /// The role of the child for the parent.
  package internal(set) var role: EdgeRole
  /// The job that froze the edge, if any: it may not be replaced or detached until then.
  package internal(set) var frozenBy: String?
  /// Whether the edge stays at its node when the node's other users move to a filter above.
  package let staysAtNode: Bool
  /// Whether the child was opened for this parent alone, and is reopened with it.
  package internal(set) var followsParent: Bool
  private let permissions: Atomic<UInt16>

  init(
    slot: EdgeSlot, role: EdgeRole, parent: any EdgeParent, child: Node, request: PermissionRequest,
    staysAtNode: Bool = false,
    followsParent: Bool = false
  ) {
    self.slot = slot
    self.role = role
    self.parent = parent
    self.child = child
    self.staysAtNode = staysAtNode
    self.followsParent = followsParent
    permissions = Atomic(Edge.pack(request))
  }

  /// The permissions that the parent holds and shares at the moment.
  package internal(set) var request: PermissionRequest {
    get {
      let bits = permissions.load(ordering: .acquiring)
      return PermissionRequest(
        held: Permissions(rawValue: UInt8(truncatingIfNeeded: bits)),
        shared: Permissions(rawValue: UInt8(truncatingIfNeeded: bits >> 8)))
    }
    set { permissions.store(Edge.pack(newValue), ordering: .releasing) }
  }

  private static func pack(_ request: PermissionRequest) -> UInt16 {
    UInt16(request.held.rawValue) | UInt16(request.shared.rawValue) << 8
  }

  /// Tells the child what the next request is about.
  @inline(__always)
  package func note(_ event: BlockEvent) { child.driver.note(event) }
}

extension Node {
  /// Tells a child what the next request is about, where the driver is one that does.
  package func note(_ event: BlockEvent, to edge: Edge?) {
    if driver.tells(of: event) { edge?.note(event) }
  }
}

extension Edge: FilteredStorage {
  /// Those of the child.
  package var limits: Limits { child.limits }
  /// Those of the child.
  package var capabilities: Capabilities { child.capabilities }
  /// That of the child.
  package var allocatedLength: UInt64? { child.allocatedLength }
  /// Makes a range read as zero, in whatever way.
  package func zero(at offset: UInt64, length: UInt64, mayUnmap: Bool, unchanged: Bool) throws(BlockError)
    -> Bool
  {
    try writeZeroes(at: offset, length: length, mayUnmap: mayUnmap, unchanged: unchanged)
    return true
  }
}
