// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph

/// What `dd` is asked for; everything in bytes.
public struct DdOptions: Sendable {
  /// One side of the copy.
  public enum Side: Sendable {
    /// Raw data on standard input or output.
    case standardStream
    /// An image.
    case image(ImageName)
  }

  /// Where bytes come from.
  public var source: Side
  /// How the source is opened.
  public var sourceSettings = OpenSettings()
  /// Where they go: a path to make, an image to write into, or a stream.
  public var target: Side
  /// The target's format.
  public var targetFormat = "raw"
  /// How much of the source is left out at its start.
  public var skip: UInt64 = 0
  /// How much is copied at most; nil for all.
  public var count: UInt64?
  /// Where in the target the copy starts.
  public var seek: UInt64 = 0
  /// How much the source has to hold, and how much of it is looked at; nil for what it has.
  public var inputSize: UInt64?
  /// The length of the target's disk; nil for as much as is needed.
  public var outputSize: UInt64?
  /// Whether an existing target keeps what is not written; with `seek` it always does.
  public var keepsTarget = false
  /// Whether zeros take no space in the target.
  public var isSparse = false

  /// Copies all of `source` to a raw image at `target`.
  public init(source: Side, target: Side) {
    self.source = source
    self.target = target
  }
}
