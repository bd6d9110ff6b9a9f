// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// Stands in for the driver of a node whose image is being opened, or has been closed: it asks for the permissions that
/// a format asks for of its file, and nobody can reach it for I/O.
final class UnopenedDriver: BlockDriver {
  let name: String

  init(_ name: String) { self.name = name }

  /// A child beside the file is only read until the format says which permissions it needs of it.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  {
    parents.derived(for: role, flags: slot == .file ? flags : flags.subtracting(.writable))
  }

  func length(of node: Node) -> UInt64 { 0 }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    throw node.isNotOpen
  }

  func flush(_ node: Node) throws(BlockError) {}
}
