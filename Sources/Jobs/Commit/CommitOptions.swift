// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph

/// What `commit` is asked for.
public struct CommitOptions: Sendable {
  /// The image whose content goes down the chain.
  public var image: ImageName
  /// How it is opened; writing is added.
  public var settings = OpenSettings()
  /// The name of the layer to commit to, nil for the image's backing file. With a name, the image is not emptied:
  /// layers in between might show through that do not know what was committed below them.
  public var base: String?
  /// Whether the image keeps what was committed.
  public var keepsContent = false
  /// Bytes a second, or nil for as fast as can be.
  public var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  public var threads: Int?

  /// Commits `image` to its backing file.
  public init(image: ImageName) { self.image = image }
}
