// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// How many references each host cluster has: 16 bits for each, in chunks that exist only where there are any.
///
/// Counts that do not fit 16 bits are in a map beside them, which needs tens of thousands of references each.
struct ReferenceCounts {
  /// More memory than this is not taken: then the image cannot be checked.
  static let largestBytes = 1 << 30
  /// Up to this many clusters, all counters together are small; beyond, a sparse file could spread entries so
  /// that each fills a chunk of its own, and chunks are smaller.
  private static let manyClusters: UInt64 = 1 << 24

  private let chunkBits: UInt64
  private let limit: Int
  private var chunks: [[UInt16]] = []
  private var places: [UInt64: Int] = [:]
  private var overflow: [UInt64: UInt64] = [:]
  private var latestKey = UInt64.max
  private var latestPlace = 0

  /// No references; `clusters` says how many clusters the file has, about, `limit` how many bytes counters may take.
  init(clusters: UInt64, limit: Int = ReferenceCounts.largestBytes) {
    self.limit = limit
    chunkBits = clusters <= ReferenceCounts.manyClusters ? 12 : 8
  }

  /// Clusters that one chunk counts.
  var chunkSize: UInt64 { 1 << chunkBits }

  /// Adds references to a cluster.
  ///
  /// - Throws: `tooLarge` where the counters would need too much memory.
  mutating func add(_ references: UInt64 = 1, to cluster: UInt64) throws(BlockError) {
    let key = cluster >> chunkBits
    if key != latestKey { try select(key) }
    let index = Int(cluster & (chunkSize - 1))
    let known = chunks[latestPlace][index]
    let (sum, wrapped) = UInt64(known).addingReportingOverflow(references)
    if !wrapped && sum < UInt64(UInt16.max) {
      chunks[latestPlace][index] = UInt16(truncatingIfNeeded: sum)
    } else {
      let before = known == .max ? overflow[cluster] ?? 0 : UInt64(known)
      let (total, tooMany) = before.addingReportingOverflow(references)
      overflow[cluster] = tooMany ? .max : total
      chunks[latestPlace][index] = .max
    }
  }

  private mutating func select(_ key: UInt64) throws(BlockError) {
    if let place = places[key] {
      latestPlace = place
    } else {
      guard (chunks.count + 1) << Int(chunkBits + 1) <= limit else {
        throw BlockError(
          .tooLarge, "the image is too large to be checked: its references do not fit 1 GiB of memory")
      }
      latestPlace = chunks.count
      chunks.append([UInt16](repeating: 0, count: Int(chunkSize)))
      places[key] = latestPlace
    }
    latestKey = key
  }

  /// The references of a cluster.
  subscript(cluster: UInt64) -> UInt64 {
    guard let place = places[cluster >> chunkBits] else { return 0 }
    let count = chunks[place][Int(cluster & (chunkSize - 1))]
    return count == .max ? overflow[cluster] ?? 0 : UInt64(count)
  }

  /// Whether any cluster of the range may have references; clusters between chunks certainly have none.
  func mayHaveAny(in clusters: Range<UInt64>) -> Bool {
    guard !clusters.isEmpty else { return false }
    for key in clusters.lowerBound >> chunkBits...(clusters.upperBound - 1) >> chunkBits
    where places[key] != nil {
      return true
    }
    return false
  }

  /// The clusters of each chunk, ascending.
  var chunkRanges: [Range<UInt64>] {
    var keys = Array(places.keys)
    keys.sort()
    var result: [Range<UInt64>] = []
    for key in keys { result.append(key << chunkBits..<(key + 1) << chunkBits) }
    return result
  }
}

/// Which host clusters are counted to have exactly one reference: one bit for each.
struct SingleReferences {
  /// Beyond this many clusters nothing is remembered: 32 MiB.
  private static let limit: UInt64 = 1 << 28
  private var words: [UInt64]

  /// None yet, for a file of so many clusters.
  init(clusters: UInt64) {
    let kept = clusters <= SingleReferences.limit ? clusters : 0
    words = [UInt64](repeating: 0, count: Int((kept + 63) / 64))
  }

  /// The clusters that can be remembered.
  var limit: UInt64 { UInt64(words.count) * 64 }

  /// Whether the cluster is known to have exactly one, or nil where it is not remembered.
  subscript(cluster: UInt64) -> Bool? {
    guard cluster < limit else { return nil }
    return words[Int(cluster >> 6)] & 1 << (cluster & 63) != 0
  }

  /// Notes that a cluster has exactly one.
  mutating func insert(_ cluster: UInt64) {
    if cluster < limit { words[Int(cluster >> 6)] |= 1 << (cluster & 63) }
  }
}
