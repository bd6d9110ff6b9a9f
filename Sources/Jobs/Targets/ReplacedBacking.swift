// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors

/// The backing file that an image named before a job changed that.
struct ReplacedBacking {
  private let reference: ImageReference?

  /// Notes the backing file that `node` names now.
  init(of node: Node) { reference = node.driver.formatInformation(of: node)?.backing }

  /// Lets the image name that again.
  func restore(to edge: Edge) throws(BlockError) {
    try edge.setBackingFile(reference?.name, format: reference?.format)
  }
}
