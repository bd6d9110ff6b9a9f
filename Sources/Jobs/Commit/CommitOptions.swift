// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph

/// The options of `commit`.
package struct CommitOptions: Sendable {
  /// The image whose content goes down the chain.
  package var image: ImageName
  /// How it is opened; writing is added.
  package var settings = OpenSettings()
  /// The name of the layer to commit to, nil for the image's backing file. With a name, the image is not emptied:
  /// layers in between might show through that do not know what was committed below them.
  package var base: String?
  /// Whether the image keeps what was committed.
  package var keepsContent = false
  /// Bytes a second, or nil for as fast as can be.
  package var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  package var threads: Int?

  /// Commits `image` to its backing file.
  package init(image: ImageName) { self.image = image }
}
