// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// Stands above an image while it is committed, so that the image's users do not rely on the layers below it:
/// those are neither what they were nor what they will be.
final class CommitFilter: FilterDriver {
  let name = "commit"

  /// Requests no permissions below and tolerates every use: what users see through the image stays.
  func childPermissions(slot: EdgeSlot, role: EdgeRole, parents: PermissionRequest, flags: NodeFlags)
    -> PermissionRequest
  { .none }

  /// Nothing is changed from above.
  func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.isChange {
      throw BlockError(.readOnly, "node '\(node.name)' is being committed and cannot be written")
    }
    try handOn()
  }
}
