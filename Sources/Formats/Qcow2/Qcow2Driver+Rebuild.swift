// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

extension Qcow2Driver {
  func rebuildRefcounts(_ node: Node) throws(BlockError) {}
}
