// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
package import Compression

/// Compresses the clusters of an image, each as a block of its own.
package final class BlockwiseCompressor: ClusterCompressor {
  private let compressor: any BlockCompressor
  /// Bytes that the result may be longer than the cluster.
  package let slack: Int

  /// Compresses by `compressor`, which has no other user.
  package init(_ compressor: any BlockCompressor, slack: Int = 0) {
    self.compressor = compressor
    self.slack = slack
  }

  /// Compresses one whole cluster.
  package func compress(_ cluster: RawSpan, into output: inout MutableRawSpan) -> Int? {
    compressor.compress(cluster, into: &output)
  }
}
