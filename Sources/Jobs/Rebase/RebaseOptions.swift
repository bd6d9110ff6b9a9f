// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph

/// What `rebase` is asked for.
public struct RebaseOptions: Sendable {
  /// The overlay.
  public var image: ImageName
  /// How it is opened; writing is added.
  public var settings = OpenSettings()
  /// The new backing file's name as it goes into the image; nil or empty for none.
  public var backing: String?
  /// The new backing file's format.
  public var backingFormat: String?
  /// How the new backing file is opened.
  public var backingFlags: NodeFlags = []
  /// Whether only the name changes, whatever the two backing files hold.
  public var isUnsafe = false
  /// Whether what is written is compressed where it becomes smaller.
  public var compresses = false
  /// How many threads work, or nil for one on each processor.
  public var threads: Int?

  /// Takes the backing file of `image` away.
  public init(image: ImageName) { self.image = image }
}
