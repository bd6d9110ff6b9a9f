// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host

extension Qcow2Driver {
  func makeEmpty(_ node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    guard !isDataRaw else {
      throw BlockError(.unsupported, "an image with a raw data file cannot be emptied")
    }
    try prepareForChanges(node)
    waitForWrites(0..<length)
    try giveUp(from: 0, to: length, node)
    try writeBack(node)
    try barrier(node)
    try applyPendingFrees(node)
    // Nothing may go on behind what is gone.
    compressedEnd = 0
    compressed.forget()
    if !hasDataFile { try cutFile(node) }
  }
}
