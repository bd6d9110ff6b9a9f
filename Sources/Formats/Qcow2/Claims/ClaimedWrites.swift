// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockTables

/// A write in progress, whose clusters are linked when its data is there.
struct ClaimedWrite {
  /// The number of its claim.
  let id: UInt64
  /// The guest clusters written; all in one L2 table, unless they are compressed.
  var clusters: Range<UInt64>
  /// The host offset of the first of them in the file that holds guest data; the others follow.
  let host: UInt64
  /// Whether the clusters were taken for this write and have to be given back if it fails; else they are the guest's
  /// already, and only their entries change.
  let isFresh: Bool
  /// The first subcluster written in the first cluster.
  let firstSubcluster: UInt64
  /// The subcluster behind the last one written in the last cluster.
  let lastSubcluster: UInt64
  /// The entries of the clusters if they are compressed; `host` does not count then.
  var compressed: [L2Entry] = []
}

extension ClaimedWrite {
  /// Compressed clusters on their way.
  init(id: UInt64, clusters: Range<UInt64>, compressed: [L2Entry]) {
    self.init(
      id: id, clusters: clusters, host: 0, isFresh: true, firstSubcluster: 0, lastSubcluster: 0,
      compressed: compressed)
  }
}

/// The writes in progress, and the clusters of the guest that they have claimed until their data is there.
///
/// Writes in place share their clusters with each other and with writes that change tables; a change that takes a place
/// away waits for all of them.
final class ClaimedWrites: @unchecked Sendable {
  private var claims = WriteClaims()
  private var writes: [ClaimedWrite] = []
  private let geometry: Geometry

  init(_ geometry: Geometry) { self.geometry = geometry }

  // MARK: Claiming

  /// Claims the clusters of a write to where the data is, of which tables learn nothing. Others may write there too, but
  /// the place must not get to be another's.
  func claimInPlace(_ clusters: Range<UInt64>) -> UInt64 { claims.claim(clusters, shared: true) }

  /// Claims the clusters of a write that changes their entries; returns the number of the claim, for the write's slot.
  func claim(_ clusters: Range<UInt64>, host: UInt64, isFresh: Bool, first: UInt64, last: UInt64) -> UInt64 {
    let id = claims.claim(clusters, shared: false)
    writes.append(
      ClaimedWrite(
        id: id, clusters: clusters, host: host, isFresh: isFresh, firstSubcluster: first, lastSubcluster: last
      ))
    return id
  }

  /// A claim without clusters, to which compressed ones are added.
  func open() -> UInt64 { claims.open() }

  /// Adds a compressed cluster to a claim. Neighbours make one write: the fewer there are, the sooner it is known what is
  /// claimed.
  func add(_ entry: L2Entry, at cluster: UInt64, to id: UInt64) {
    claims.add(cluster..<cluster + 1, to: id)
    if let last = writes.indices.last, writes[last].id == id, writes[last].clusters.upperBound == cluster {
      writes[last].clusters = writes[last].clusters.lowerBound..<cluster + 1
      writes[last].compressed.append(entry)
    } else {
      writes.append(ClaimedWrite(id: id, clusters: cluster..<cluster + 1, compressed: [entry]))
    }
  }

  /// The write that has a claim, unless it is in place.
  func write(_ id: UInt64) -> ClaimedWrite? { writes.first { $0.id == id } }
  /// All writes that have a claim: runs of compressed clusters.
  func all(_ id: UInt64) -> [ClaimedWrite] { writes.filter { $0.id == id } }

  /// Gives a claim back. Waiting requests look again, whether the write succeeded or not.
  func release(_ id: UInt64, _ held: borrowing Held) {
    writes.removeAll { $0.id == id }
    claims.release(id)
    held.notifyAll()
  }

  // MARK: Waiting

  /// The end of the part of a range that can be written; the start where its first cluster is being written.
  func writableEnd(_ start: UInt64, _ end: UInt64) -> UInt64 {
    let units = units(start..<end)
    let free = claims.free(units, shared: true)
    return free == units ? end : max(free.upperBound << geometry.clusterBits, start)
  }

  /// Whether a write in progress claims any cluster of a range.
  func isClaimed(_ range: Range<UInt64>) -> Bool {
    guard !range.isEmpty else { return false }
    let units = units(range)
    return claims.free(units, shared: false) != units
  }

  /// Waits until no write in progress claims any cluster of a range.
  func wait(for range: Range<UInt64>, _ held: borrowing Held) {
    while isClaimed(range) { held.wait() }
  }

  private func units(_ range: Range<UInt64>) -> Range<UInt64> {
    range.lowerBound >> geometry.clusterBits..<(range.upperBound - 1) >> geometry.clusterBits + 1
  }
}
