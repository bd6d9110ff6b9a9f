// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// Stands above an image while it is committed, so that the image's users do not rely on the layers below it:
/// those are neither what they were nor what they will be.
final class CommitFilter: FormatDriver {
  let name = "commit"

  /// Nothing is held below, and whatever happens there is tolerated: what users see through the image stays.
  func childClaim(slot: EdgeSlot, role: EdgeRole, parents: Claim, flags: NodeFlags) -> Claim { .none }

  func limits(of node: Node) -> Limits { node.file?.child.limits ?? Limits() }
  func length(of node: Node) -> UInt64 { node.file?.length ?? 0 }

  func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    Extent(.data, length: length, location: Extent.Location(.file, offset), isChildsOwn: true)
  }

  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  {
    preconditionFailure("a filter stores nothing encoded")
  }

  func prepareWrite(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> WriteSlot {
    throw BlockError(.readOnly, "node '\(node.name)' is being committed and cannot be written")
  }

  func finishWrite(_ slot: WriteSlot, written: Bool, of node: Node) throws(BlockError) {}
  func flush(_ node: Node) throws(BlockError) { try node.file?.flush() }
}
