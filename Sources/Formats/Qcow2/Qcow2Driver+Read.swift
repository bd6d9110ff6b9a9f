// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host

extension Qcow2Driver {
  func readEncoded(_ extent: Extent, at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node)
    throws(BlockError)
  { throw BlockError(.unsupported, "x") }
  func rebuildRefcounts(_ node: Node) throws(BlockError) {}
}
