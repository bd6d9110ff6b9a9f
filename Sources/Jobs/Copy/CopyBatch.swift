// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes

/// One segment on its way from source to target: read and tested on one thread, given its place in order, and
/// written on any thread that is free. One thread at a time has it.
final class CopyBatch: @unchecked Sendable {
  /// A run of bytes of the segment.
  final class Run {
    /// Where in the buffer.
    var bytes: Range<Int>
    /// Its guest offset.
    let offset: UInt64
    /// Its place, from when it is given until the bytes are written.
    var prepared: PreparedWrite?

    init(bytes: Range<Int>, offset: UInt64) {
      self.bytes = bytes
      self.offset = offset
    }
  }

  /// The segment's bytes.
  let buffer: Buffer
  /// Compressed clusters, end to end; empty where nothing is compressed.
  let packed: Buffer
  /// The segment's guest offset in bytes.
  var offset: UInt64 = 0
  /// The segment's length in bytes.
  var length: UInt64 = 0
  /// Runs to be written as they are.
  var data: [Run] = []
  /// Ranges to be made zero: guest offset and length.
  var zeroes: [(offset: UInt64, length: UInt64)] = []
  /// Clusters that `packed` holds.
  var clusters: [CompressedCluster] = []
  /// Bytes of `packed` that they take.
  var packedBytes = 0
  /// The places of `clusters`, from when they are given until the clusters are written.
  var compressed: PreparedClusters?
  /// Whether `buffer` lacks the data, for storage to copy it.
  var isUnread = false

  /// Bytes that a compressed cluster may be longer than the cluster, at most.
  static let largestSlack = 512

  /// A batch for segments of at most `size` bytes, whose clusters of so many bytes are compressed, if they are.
  init(size: Int, compressionUnit: Int?) {
    buffer = Buffer(count: size)
    packed = Buffer(count: compressionUnit.map { size + size / $0 * CopyBatch.largestSlack } ?? 0)
  }

  /// Makes the batch ready for another segment.
  func reset(offset: UInt64, length: UInt64) {
    self.offset = offset
    self.length = length
    data.removeAll(keepingCapacity: true)
    zeroes.removeAll(keepingCapacity: true)
    clusters.removeAll(keepingCapacity: true)
    packedBytes = 0
    compressed = nil
    isUnread = false
  }

  /// Gives all places back, as nothing is going to be written there.
  func abandon() {
    compressed = nil
    for run in data { run.prepared = nil }
  }
}
