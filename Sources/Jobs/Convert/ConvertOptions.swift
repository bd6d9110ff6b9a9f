// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
public import Crypto
internal import Errors
public import Options

/// What `convert` is asked for.
public struct ConvertOptions: Sendable {
  /// The images to put end to end.
  public var sources: [ImageName]
  /// How they are opened.
  public var sourceSettings = OpenSettings()
  /// The target: a path to make or, with `skipsCreation`, an image to fill.
  public var target: ImageName
  /// The target's format; nil for raw or, where an existing target is described by options, for a look at it.
  public var targetFormat: String?
  /// Creation options as given, in order.
  public var creationOptions = KeyValueList()
  /// The backing file's name as it goes into the target.
  public var backing: String?
  /// The backing file's format.
  public var backingFormat: String?
  /// How much the user cares that the target survives a crash.
  public var targetCache = CacheMode.unsafe
  /// Whether clusters are compressed.
  public var compresses = false
  /// The shortest run of zeros in bytes that is left out of the target; 0 writes everything.
  public var sparseSize: UInt64 = 4096
  /// Whether the target exists and is filled in place.
  public var skipsCreation = false
  /// Whether an existing target is known to read as zero.
  public var targetIsZero = false
  /// Whether what cannot be read is replaced by zeros.
  public var salvages = false
  /// Bytes a second, or nil for as fast as can be.
  public var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  public var threads: Int?
  /// Whether the source's bitmaps are copied, too.
  public var copiesBitmaps = false
  /// Whether bitmaps that were not saved properly are left out.
  public var skipsBrokenBitmaps = false
  /// Whether a copy is started that cannot fit.
  public var ignoresSpace = false
  /// Whether the kernel is asked to copy.
  public var offloads = false
  /// Whether the target is read back and held against the sources before it appears.
  public var verifies = false
  /// The hash function of the checksum of what was copied, or nil for none.
  public var checksum: ContentHash?

  /// Converts `sources` to a raw image at `target`.
  public init(sources: [ImageName], target: ImageName) {
    self.sources = sources
    self.target = target
  }
}
