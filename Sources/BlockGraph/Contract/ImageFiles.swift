// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

/// The files that a new image consists of besides the one that has its name: they appear before that one does, all
/// together or none. Graph API.
package protocol ImageFiles {
  /// Makes an empty file.
  ///
  /// - Parameters:
  ///   - name: as the image is going to name it, relative to its own folder.
  ///   - slot: that of the reference by which the image is going to name it.
  ///   - format: the format as which the image is going to open it; nil where it is storage to the image.
  /// - Returns: an edge that holds write and resize.
  /// - Throws: kind `invalidArgument` for a file that the image has already; why it cannot be made.
  func add(_ name: String, as slot: EdgeSlot, format: String?) throws(BlockError) -> Edge
}

extension ImageFiles {
  /// Makes an empty file that is storage to the image.
  package func add(_ name: String, as slot: EdgeSlot) throws(BlockError) -> Edge {
    try add(name, as: slot, format: nil)
  }
}

/// The files of an image that has one only.
package struct NoFurtherFiles: ImageFiles {
  /// Has none.
  package init() {}

  /// Refuses.
  package func add(_ name: String, as slot: EdgeSlot, format: String?) throws(BlockError) -> Edge {
    throw BlockError(.unsupported, "The \(slot.fileWords) '\(name)' cannot be made here")
  }
}
