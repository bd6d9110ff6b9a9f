// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
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
    guard !hasDataFile else {
      throw BlockError(.unsupported, "Compression is not possible in an image with an external data file")
    }
    return try Qcow2Compressor(compression)
  }

  func placeCompressed(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) -> [CompressedPiece]
  {
    monitor.lock()
    defer { monitor.unlock() }
    try prepareForChanges(node)
    var pieces: [CompressedPiece] = []
    var done = 0
    for cluster in clusters {
      let offset = try placeOne(cluster, node)
      let bytes = done..<done + cluster.size
      done += cluster.size
      if let last = pieces.last, last.location.offset + UInt64(last.bytes.count) == offset {
        pieces[pieces.count - 1].bytes = last.bytes.lowerBound..<bytes.upperBound
      } else {
        pieces.append(CompressedPiece(bytes: bytes, location: Extent.Location(.file, offset)))
      }
    }
    return pieces
  }

  private func placeOne(_ cluster: CompressedCluster, _ node: Node) throws(BlockError) -> UInt64 {
    let size = UInt64(cluster.size)
    guard geometry.offsetInCluster(cluster.guestOffset) == 0, cluster.guestOffset < length,
      size > 0, size < geometry.clusterSize, !hasDataFile
    else {
      throw BlockError(.invalidArgument, "no compressed cluster can be placed at \(cluster.guestOffset)")
    }
    try noteChange(at: cluster.guestOffset, length: geometry.clusterSize, node)
    try workOffFrees(node)
    waitForWrites(cluster.guestOffset..<cluster.guestOffset + geometry.clusterSize)
    var found = try writablePlace(of: cluster.guestOffset, node)
    while found == nil { found = try writablePlace(of: cluster.guestOffset, node) }
    guard let place = found else { return 0 }
    let buffer = place.slice.buffer
    let old = entry(buffer.bytes, place)
    try check(old, bitmap(buffer.bytes, place), at: place, plus: 0, node)
    let offset = try compressedRoom(size, node)
    guard let entry = CompressedDescriptor(offset: offset, size: size).entry(geometry) else {
      throw BlockError(.tooLarge, "the image file is too large for another compressed cluster")
    }
    setEntry(entry, at: place)
    noteFree(old, .other)
    compressed.forget()
    compressedEnd = offset + size
    requiredEnd = max(requiredEnd, compressedEnd.roundedUp(to: CompressedDescriptor.sector) ?? compressedEnd)
    return offset
  }

  /// Room for so many bytes, counted: behind the cluster placed last where that is possible.
  private func compressedRoom(_ size: UInt64, _ node: Node) throws(BlockError) -> UInt64 {
    let start = compressedEnd
    let used = geometry.offsetInCluster(start)
    let cluster = start >> geometry.clusterBits
    if used != 0, try refcount(of: cluster, node) < geometry.refcountMaximum {
      if used + size <= geometry.clusterSize {
        try addReference(to: cluster, node)
        return start
      }
      // The rest goes into the next cluster, if nothing is there.
      if try freeRun(from: cluster + 1, limit: 1, node) == 1 {
        try refuseTaken(cluster + 1..<cluster + 2, for: "compressed cluster", node)
        try takeFree(cluster + 1..<cluster + 2, node)
        try addReference(to: cluster, node)
        return start
      }
    }
    return try allocate(1, for: "compressed cluster", node).lowerBound << geometry.clusterBits
  }
}
