// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Crypto
internal import Errors
package import Options

/// The options of `convert`.
package struct ConvertOptions: Sendable {
  /// The images to put end to end, at least one.
  package var sources: [ImageName]
  /// How they are opened.
  package var sourceSettings = OpenSettings()
  /// The target: a path to make or, with `skipsCreation`, an image to fill.
  package var target: ImageName
  /// The target's format; nil for raw or, where an existing target is described by options, for a look at it.
  package var targetFormat: String?
  /// Creation options as given, in order.
  package var creationOptions = KeyValueList()
  /// The backing file's name as it goes into the target.
  package var backing: String?
  /// The backing file's format.
  package var backingFormat: String?
  /// How much the user cares that the target survives a crash.
  package var targetCache = CacheMode.unsafe
  /// Whether clusters are compressed.
  package var compresses = false
  /// The shortest run of zeros in bytes that is left out of the target; 0 writes everything, nil leaves it to the job.
  package var sparseSize: UInt64?
  /// Whether the target exists and is filled in place.
  package var skipsCreation = false
  /// Whether an existing target is known to read as zero.
  package var targetIsZero = false
  /// Whether what cannot be read is replaced by zeros.
  package var salvages = false
  /// Bytes a second, or nil for as fast as can be.
  package var rateLimit: UInt64?
  /// How many threads work, or nil for one on each processor.
  package var threads: Int?
  /// Whether the source's bitmaps are copied, too.
  package var copiesBitmaps = false
  /// Whether bitmaps that were not saved properly are left out.
  package var skipsBrokenBitmaps = false
  /// Whether a copy is started that cannot fit.
  package var ignoresSpace = false
  /// Whether the kernel is asked to copy.
  package var offloads = false
  /// Whether the target is read back and held against the sources before it appears.
  package var verifies = false
  /// Whether files of the sources that come with digests are taken as they are.
  package var ignoresDigests = false
  /// The hash function of the checksum of what was copied, or nil for none.
  package var checksum: ContentHash?

  /// Converts `sources` to a raw image at `target`.
  package init(sources: [ImageName], target: ImageName) {
    self.sources = sources
    self.target = target
  }

  /// The shortest run of zeros in bytes that is left out.
  var leastHole: UInt64 { sparseSize ?? 4096 }

  /// Hears of sectors that cannot be read, and tells of them by `warn`; nil where they are errors.
  func salvage(_ warn: @escaping @Sendable (String) -> Void) -> (@Sendable (ConvertSource.Lost) -> Void)? {
    guard salvages else { return nil }
    return { lost in warn(lost.words) }
  }

  /// Says nothing of sectors that cannot be read: the copy has told of each. Nil where they are errors.
  var silence: (@Sendable (ConvertSource.Lost) -> Void)? {
    guard salvages else { return nil }
    return { _ in }
  }

  /// Looks at the options together.
  ///
  /// - Throws: kind `invalidArgument` for the first combination that makes no sense.
  func refuseContradictions() throws(BlockError) {
    let isJoined = sources.count > 1
    let hasBacking = backing != nil || creationOptions["backing_file"] != nil
    let mistakes: [(Bool, String)] = [
      (skipsBrokenBitmaps && !copiesBitmaps, "Use of --skip-broken-bitmaps requires --bitmaps"),
      (offloads && sparseSize != nil, "Cannot enable copy offloading when -S is used"),
      (offloads && compresses, "Cannot enable copy offloading when -c is used"),
      (offloads && salvages, "Cannot use copy offloading in salvaging mode"),
      (targetIsZero && !skipsCreation, "--target-is-zero requires use of -n flag"),
      (isJoined && copiesBitmaps, "Copying bitmaps only possible with single source"),
      (isJoined && sourceSettings.snapshot != nil, "No support for concatenating multiple snapshot"),
      (
        isJoined && hasBacking,
        "Having a backing file for the target makes no sense when concatenating multiple input images"
      ),
    ]
    for (isMistake, message) in mistakes where isMistake { throw BlockError(.invalidArgument, message) }
  }
}
