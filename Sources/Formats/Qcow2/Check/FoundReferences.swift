// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors

/// The references to clusters of the file that a check has found.
final class FoundReferences {
  private let image: CheckedImage
  private let findings: CheckFindings
  /// Clusters of the file, and one more where something reaches into the next.
  private(set) var clusters: UInt64
  private(set) var counts: ReferenceCounts

  init(_ image: CheckedImage, _ findings: CheckFindings) {
    self.image = image
    self.findings = findings
    clusters = image.fileLength.dividedUp(by: image.geometry.clusterSize)
    counts = ReferenceCounts(clusters: clusters)
  }

  /// The references to a cluster.
  subscript(cluster: UInt64) -> UInt64 { counts[cluster] }

  /// Counts a reference to each cluster that a range of the file touches.
  func add(at offset: UInt64, bytes: UInt64, count: UInt64 = 1, canMend: Bool = false)
    throws(BlockError)
  {
    guard bytes > 0 else { return }
    guard image.isInside(offset, bytes) else {
      return findings.found(.pastEnd(offset: offset, bytes: bytes), canMend: canMend)
    }
    let first = offset >> image.geometry.clusterBits
    let last = (offset + bytes - 1) >> image.geometry.clusterBits
    for cluster in first...last { try counts.add(count, to: cluster) }
    if last >= clusters { clusters = last + 1 }
  }

  /// Counts a reference to each of these clusters of the file.
  func addOne(toEach clusters: Range<UInt64>) throws(BlockError) { try counts.addOne(toEach: clusters) }

  /// Whether anything else refers to part of a range.
  func isShared(_ offset: UInt64, _ bytes: UInt64) -> Bool {
    guard bytes > 0 else { return false }
    for cluster in offset >> image.geometry.clusterBits...(offset + bytes - 1) >> image.geometry.clusterBits
    where counts[cluster] > 1 {
      return true
    }
    return false
  }

  /// Whether a cluster has more references than a refcount holds; only looked at where counts are narrow.
  var hasTooMany: Bool {
    guard image.geometry.refcountOrder < 4 else { return false }
    for range in counts.chunkRanges {
      for cluster in range where counts[cluster] > image.geometry.refcountMaximum { return true }
    }
    return false
  }

  /// Gives up the memory of what was counted.
  func forget() { counts = ReferenceCounts(clusters: 0) }
}
