// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Errors

/// Placing compressed clusters: byte behind byte, whatever the borders of clusters and sectors.
extension ClusterWriter {
  /// Room for compressed clusters, claimed until `end`.
  func prepare(_ clusters: [CompressedCluster], _ held: borrowing Held) throws(BlockError) -> CompressedSlot {
    let id = claims.open()
    var pieces: [CompressedPiece] = []
    var done = 0
    do throws(BlockError) {
      for cluster in clusters {
        let offset = try placeOne(cluster, id, held)
        let bytes = done..<done + cluster.size
        done += cluster.size
        if let last = pieces.last, last.location.offset + UInt64(last.bytes.count) == offset {
          pieces[pieces.count - 1].bytes = last.bytes.lowerBound..<bytes.upperBound
        } else {
          pieces.append(CompressedPiece(bytes: bytes, location: Extent.Location(.file, offset)))
        }
      }
    } catch {
      // The first error is what the user needs to see.
      try? end(id, written: false, held)
      throw error
    }
    return CompressedSlot(pieces: pieces, allocation: id)
  }

  /// Finds room for one cluster and notes it as a write in progress.
  private func placeOne(_ cluster: CompressedCluster, _ id: UInt64, _ held: borrowing Held) throws(BlockError)
    -> UInt64
  {
    let size = UInt64(cluster.size)
    guard geometry.offsetInCluster(cluster.guestOffset) == 0, cluster.guestOffset < mapping.length,
      size > 0, size < geometry.clusterSize, !files.hasDataFile
    else {
      throw BlockError(.invalidArgument, "no compressed cluster can be placed at \(cluster.guestOffset)")
    }
    let range = cluster.guestOffset..<cluster.guestOffset + geometry.clusterSize
    while true {
      try mapping.workOffFrees(held)
      claims.wait(for: range, held)
      // Reading tables may have let others in.
      guard let place = try mapping.writablePlace(of: cluster.guestOffset, held), !claims.isClaimed(range)
      else { continue }
      let buffer = place.slice.buffer
      try mapping.check(
        mapping.entry(buffer.bytes, place), mapping.bitmap(buffer.bytes, place), at: place, plus: 0, held)
      break
    }
    let offset = try allocator.takeBytes(size, held)
    guard let entry = CompressedDescriptor(offset: offset, size: size).entry(geometry) else {
      let first = offset >> geometry.clusterBits
      try allocator.free(first..<(offset + size - 1) >> geometry.clusterBits + 1, .later, held)
      throw BlockError(.tooLarge, "the image file is too large for another compressed cluster")
    }
    claims.add(entry, at: geometry.guestCluster(at: cluster.guestOffset).index, to: id)
    allocator.notePacked(upTo: offset + size)
    return offset
  }

  /// Links clusters whose bytes are there; the room of others is given back.
  func end(_ id: UInt64, written: Bool, _ held: borrowing Held) throws(BlockError) {
    defer { claims.release(id, held) }
    // The room may have been that of a cluster that is kept decoded.
    defer { codec.forget() }
    var failure: BlockError?
    for write in claims.all(id) {
      for (step, entry) in write.compressed.enumerated() {
        do throws(BlockError) {
          if written && failure == nil {
            try link(entry, at: (write.clusters.lowerBound + UInt64(step)) << geometry.clusterBits, held)
            continue
          }
        } catch {
          failure = error
        }
        let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
        do throws(BlockError) {
          try allocator.free(clusters.lowerBound..<clusters.upperBound + 1, .failedWrite, held)
        } catch {
          failure = failure ?? error
        }
      }
    }
    if let failure { throw failure }
  }

  private func link(_ entry: L2Entry, at offset: UInt64, _ held: borrowing Held) throws(BlockError) {
    var found = try mapping.writablePlace(of: offset, held)
    while found == nil { found = try mapping.writablePlace(of: offset, held) }
    guard let place = found else { return }
    let buffer = place.slice.buffer
    let old = mapping.entry(buffer.bytes, place)
    mapping.setEntry(entry, at: place, held)
    mapping.freeLater(old, .other)
  }
}
