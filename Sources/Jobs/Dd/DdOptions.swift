// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph

/// The options of `dd`; everything in bytes.
package struct DdOptions: Sendable {
  /// One side of the copy.
  package enum Side: Sendable {
    /// Raw data on standard input or output.
    case standardStream
    /// An image.
    case image(ImageName)
  }

  /// Where bytes come from.
  package var source: Side
  /// How the source is opened.
  package var sourceSettings = OpenSettings()
  /// Where they go: a path to make, an image to write into, or a stream.
  package var target: Side
  /// The target's format.
  package var targetFormat = Drivers.unstatedFormat
  /// How much of the source is left out at its start.
  package var skip: UInt64 = 0
  /// How much is copied at most; nil for all.
  package var count: UInt64?
  /// Where in the target the copy starts.
  package var seek: UInt64 = 0
  /// How much the source has to hold, and how much of it is looked at; nil for what it has.
  package var inputSize: UInt64?
  /// The length of the target's disk; nil for as much as is needed.
  package var outputSize: UInt64?
  /// Whether an existing target keeps what is not written; with `seek` it always does.
  package var keepsTarget = false
  /// Whether zeros take no space in the target.
  package var isSparse = false

  /// Copies all of `source` to a raw image at `target`.
  package init(source: Side, target: Side) {
    self.source = source
    self.target = target
  }
}
