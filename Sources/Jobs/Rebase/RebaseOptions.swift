// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph

/// The options of `rebase`.
package struct RebaseOptions: Sendable {
  /// The overlay.
  package var image: ImageName
  /// How it is opened; writing is added.
  package var settings = OpenSettings()
  /// The new backing file's name as it goes into the image; nil or empty for none.
  package var backing: String?
  /// The new backing file's format.
  package var backingFormat: String?
  /// How the new backing file is opened.
  package var backingFlags: NodeFlags = []
  /// Whether only the name changes, whatever the two backing files hold.
  package var isUnsafe = false
  /// Whether what is written is compressed where it becomes smaller.
  package var compresses = false
  /// How many threads work, or nil for one on each processor.
  package var threads: Int?

  /// Takes the backing file of `image` away.
  package init(image: ImageName) { self.image = image }
}
