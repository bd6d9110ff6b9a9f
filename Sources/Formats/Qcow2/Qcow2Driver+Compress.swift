// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Compression
internal import Errors
internal import Host

/// Compresses clusters the way the image says.
private final class Qcow2Compressor: ClusterCompressor {
  private let compressor: any BlockCompressor

  init(_ type: CompressionType) throws(BlockError) {
    switch type {
    case .zlib: compressor = DeflateCompressor(format: .raw)
    case .zstd: compressor = try ZstdCompressor()
    }
  }

  func compress(_ cluster: RawSpan, into output: inout MutableRawSpan) -> Int? {
    compressor.compress(cluster, into: &output)
  }
}

/// Placing compressed clusters: byte behind byte, whatever the borders of clusters and sectors.
extension Qcow2Driver: CompressingDriver {
  func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    guard !isEncrypted else {
      throw BlockError(.unsupported, "Compression and encryption not supported at the same time")
    }
    guard !hasDataFile else {
      throw BlockError(.unsupported, "Compression is not possible in an image with an external data file")
    }
    return try Qcow2Compressor(compression)
  }

  func prepareCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> CompressedSlot
  {
    monitor.lock()
    defer { monitor.unlock() }
    try prepareForChanges(node)
    let id = nextAllocation
    nextAllocation += 1
    var pieces: [CompressedPiece] = []
    var done = 0
    do throws(BlockError) {
      for cluster in clusters {
        let offset = try placeOne(cluster, id, node)
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
      try? end(id, written: false, node)
      throw error
    }
    return CompressedSlot(pieces: pieces, allocation: id)
  }

  func finishCompressed(_ slot: CompressedSlot, written: Bool, of node: Node) throws(BlockError) {
    monitor.lock()
    defer { monitor.unlock() }
    try end(slot.allocation, written: written, node)
  }

  /// Finds room for one cluster and notes it as a write in progress.
  private func placeOne(_ cluster: CompressedCluster, _ id: UInt64, _ node: Node) throws(BlockError) -> UInt64
  {
    let size = UInt64(cluster.size)
    guard geometry.offsetInCluster(cluster.guestOffset) == 0, cluster.guestOffset < length,
      size > 0, size < geometry.clusterSize, !hasDataFile
    else {
      throw BlockError(.invalidArgument, "no compressed cluster can be placed at \(cluster.guestOffset)")
    }
    try noteChange(at: cluster.guestOffset, length: geometry.clusterSize, node)
    let range = cluster.guestOffset..<cluster.guestOffset + geometry.clusterSize
    while true {
      try workOffFrees(node)
      waitForWrites(range)
      // Reading tables may have let others in.
      guard let place = try writablePlace(of: cluster.guestOffset, node), !isClaimed(range) else { continue }
      let buffer = place.slice.buffer
      try check(entry(buffer.bytes, place), bitmap(buffer.bytes, place), at: place, plus: 0, node)
      break
    }
    let offset = try compressedRoom(size, node)
    guard let entry = CompressedDescriptor(offset: offset, size: size).entry(geometry) else {
      let first = offset >> geometry.clusterBits
      try dropReferences(first..<(offset + size - 1) >> geometry.clusterBits + 1, .later, node)
      throw BlockError(.tooLarge, "the image file is too large for another compressed cluster")
    }
    note(entry, at: geometry.guestCluster(at: cluster.guestOffset).index, id)
    compressedEnd = offset + size
    requiredEnd = max(requiredEnd, compressedEnd.roundedUp(to: CompressedDescriptor.sector) ?? compressedEnd)
    return offset
  }

  /// Neighbours make one write: the fewer there are, the sooner it is known what is claimed.
  private func note(_ entry: L2Entry, at cluster: UInt64, _ id: UInt64) {
    if let last = inFlight.indices.last, inFlight[last].id == id,
      inFlight[last].clusters.upperBound == cluster
    {
      inFlight[last].clusters = inFlight[last].clusters.lowerBound..<cluster + 1
      inFlight[last].compressed.append(entry)
    } else {
      inFlight.append(Allocation(id: id, clusters: cluster..<cluster + 1, compressed: [entry]))
    }
  }

  /// Links clusters whose bytes are there; the room of others is given back.
  private func end(_ id: UInt64, written: Bool, _ node: Node) throws(BlockError) {
    defer {
      inFlight.removeAll { $0.id == id }
      monitor.notifyAll()
    }
    // The room may have been that of a cluster that is kept decoded.
    defer { compressed.forget() }
    var failure: BlockError?
    for allocation in inFlight where allocation.id == id {
      for (step, entry) in allocation.compressed.enumerated() {
        do throws(BlockError) {
          if written && failure == nil {
            try link(entry, at: (allocation.clusters.lowerBound + UInt64(step)) << geometry.clusterBits, node)
            continue
          }
        } catch {
          failure = error
        }
        let clusters = CompressedDescriptor(entry, geometry).hostClusters(geometry)
        do throws(BlockError) {
          try dropReferences(clusters.lowerBound..<clusters.upperBound + 1, .other, node)
        } catch {
          failure = failure ?? error
        }
      }
    }
    if let failure { throw failure }
  }

  private func link(_ entry: L2Entry, at offset: UInt64, _ node: Node) throws(BlockError) {
    var found = try writablePlace(of: offset, node)
    while found == nil { found = try writablePlace(of: offset, node) }
    guard let place = found else { return }
    let buffer = place.slice.buffer
    let old = self.entry(buffer.bytes, place)
    setEntry(entry, at: place)
    noteFree(old, .other)
  }

  /// Room for so many bytes, counted: behind the cluster placed last where that is possible.
  private func compressedRoom(_ size: UInt64, _ node: Node) throws(BlockError) -> UInt64 {
    let start = compressedEnd
    let used = geometry.offsetInCluster(start)
    let cluster = start >> geometry.clusterBits
    if used != 0, try refcount(of: cluster, node) < geometry.refcountMaximum {
      if used + size <= geometry.clusterSize {
        try addReferences(to: cluster, node)
        return start
      }
      // The rest goes into the next cluster, if nothing is there.
      if try freeRun(from: cluster + 1, limit: 1, node) == 1 {
        try refuseTaken(cluster + 1..<cluster + 2, for: "compressed cluster", node)
        try takeFree(cluster + 1..<cluster + 2, node)
        do throws(BlockError) {
          try addReferences(to: cluster, node)
        } catch {
          try? dropReferences(cluster + 1..<cluster + 2, .later, node)
          throw error
        }
        return start
      }
    }
    return try allocate(1, for: "compressed cluster", node).lowerBound << geometry.clusterBits
  }
}
