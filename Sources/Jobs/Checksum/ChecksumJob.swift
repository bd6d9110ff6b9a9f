// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Crypto
package import Errors
internal import Host

/// Computes the checksum of an image's content.
///
/// It depends on what a guest reads only: not on the format, its options, or how zeros are stored.
package final class ChecksumJob: Job {
  /// `checksum`.
  package let kind = "checksum"
  /// The result, once the job has run.
  package private(set) var checksum: ContentChecksum?
  private let edge: Edge
  private let scan: ChecksumScan
  private let verifies: Bool

  /// - Parameters:
  ///   - edge: the image; must hold consistent-read.
  ///   - verifies: whether files of the image that come with digests are held against them first.
  ///   - threads: how many threads work, or nil for one on each processor.
  package init(
    _ edge: Edge, _ algorithm: ContentHash, method: ContentChecksum.Method = .blocks, verifies: Bool = true,
    threads: Int? = nil
  ) {
    self.edge = edge
    self.verifies = verifies
    scan = ChecksumScan(algorithm: algorithm, method: method, threads: threads ?? Threads.processors)
  }

  /// Reads everything that is not known to be zero.
  ///
  /// - Throws: what could not be read first.
  package func run(_ context: JobContext) throws(BlockError) {
    let source = try ConvertSource([edge], base: nil, salvage: nil)
    context.expect(source.length)
    if verifies { try edge.verifyContent(context) }
    checksum = try scan.run(source, context)
    context.finish()
  }
}
