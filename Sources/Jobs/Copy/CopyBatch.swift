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
    private(set) var bytes: Range<Int>
    /// Its guest offset.
    let offset: UInt64
    /// Its place, from when it is given until the bytes are written.
    private var prepared: PreparedWrite?

    fileprivate init(bytes: Range<Int>, offset: UInt64) {
      self.bytes = bytes
      self.offset = offset
    }

    /// Makes the run longer.
    fileprivate func extend(to end: Int) { bytes = bytes.lowerBound..<end }

    /// Gives the run its place.
    func put(_ prepared: consuming PreparedWrite) { self.prepared = consume prepared }

    /// The place of the run, which is the caller's from now on; nil where it has none.
    func takePlace() -> PreparedWrite? { prepared.take() }

    fileprivate func abandon() { prepared = nil }
  }

  /// The segment's bytes.
  let buffer: Buffer
  /// Compressed clusters, end to end; empty where nothing is compressed.
  let packed: Buffer
  /// The segment's guest offset in bytes.
  private(set) var offset: UInt64 = 0
  /// The segment's length in bytes.
  private(set) var length: UInt64 = 0
  /// Runs to be written as they are.
  private(set) var data: [Run] = []
  /// Ranges to be made zero: guest offset and length.
  private(set) var zeroes: [(offset: UInt64, length: UInt64)] = []
  /// Clusters that `packed` holds.
  private(set) var clusters: [CompressedCluster] = []
  /// Bytes of `packed` that they take.
  private(set) var packedBytes = 0
  /// The places of `clusters`, from when they are given until the clusters are written.
  private var compressed: PreparedClusters?
  /// Whether `buffer` lacks the data, for storage to copy it.
  private(set) var isUnread = false

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

  // MARK: Content

  /// Notes that the buffer lacks the data.
  func leaveUnread() { isUnread = true }

  /// Notes bytes to be written as they are, behind those before or as a run of their own.
  func addData(_ range: Range<Int>) {
    if let last = data.last, last.bytes.upperBound == range.lowerBound {
      last.extend(to: range.upperBound)
    } else {
      data.append(Run(bytes: range, offset: offset + UInt64(range.lowerBound)))
    }
  }

  /// Notes a range of the guest's to be made zero, behind those before or by itself.
  func addZeroes(_ offset: UInt64, _ length: UInt64) {
    if let last = zeroes.indices.last, zeroes[last].offset + zeroes[last].length == offset {
      zeroes[last].length += length
    } else {
      zeroes.append((offset, length))
    }
  }

  /// Notes a cluster that stands in `packed` behind those before.
  func addCluster(_ cluster: CompressedCluster) {
    clusters.append(cluster)
    packedBytes += cluster.size
  }

  // MARK: Places

  /// Gives the compressed clusters their places.
  func put(_ prepared: consuming PreparedClusters) { compressed = consume prepared }

  /// The places of the clusters, which are the caller's from now on; nil where they have none.
  func takeClusterPlaces() -> PreparedClusters? { compressed.take() }

  /// Gives all places back, as nothing is going to be written there.
  func abandon() {
    compressed = nil
    for run in data { run.abandon() }
  }
}
