// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// Room that compressed clusters have already: their bytes follow, from any thread, in any order.
///
/// Until it is completed or abandoned readers see what was there before, and the node counts a write in flight. It
/// cannot be copied, and a value that ends otherwise is abandoned: no room stays claimed.
package struct PreparedClusters: ~Copyable, Sendable {
  private let node: Node
  private let format: any CompressingDriver
  private let slot: CompressedSlot
  private var isFinished = false

  fileprivate init(_ clusters: [CompressedCluster], of node: Node) throws(BlockError) {
    node.gate.enter()
    do throws(BlockError) {
      let format = try PreparedClusters.driver(of: node)
      slot = try format.prepareCompressed(clusters, of: node)
      self.format = format
      self.node = node
    } catch {
      node.gate.leave()
      throw error
    }
  }

  deinit {
    // Code that gives up has an error to report already.
    if !isFinished { try? format.finishCompressed(slot, written: false, of: node) }
    node.gate.leave()
  }

  /// The driver of a node whose format stores clusters compressed.
  fileprivate static func driver(of node: Node) throws(BlockError) -> any CompressingDriver {
    guard let format = node.driver as? any CompressingDriver else { throw .noCompression }
    return format
  }

  /// Writes the clusters and links them.
  fileprivate mutating func write(_ data: RawSpan) throws(BlockError) {
    for piece in slot.pieces {
      let child = try node.child(in: piece.location.slot)
      node.note(.writeCompressed, to: child)
      try child.write(at: piece.location.offset, from: data.slice(piece.bytes))
    }
    node.note(.l2UpdateCompressed, to: node.file)
    isFinished = true
    try format.finishCompressed(slot, written: true, of: node)
  }
}

extension Edge {
  /// A compressor of the child's format for the use of one thread.
  ///
  /// - Throws: kind `unsupported` where the format has none.
  package func makeCompressor() throws(BlockError) -> any ClusterCompressor {
    if let (_, below) = compressionFilter { return try below.makeCompressor() }
    return try PreparedClusters.driver(of: child).makeCompressor()
  }

  /// Finds room for compressed clusters, so that the order of calls decides about the order on disk.
  ///
  /// With `unchanged`, the caller promises that readers see the same bytes as before.
  package func prepareCompressed(_ clusters: [CompressedCluster], unchanged: Bool = false) throws(BlockError)
    -> PreparedClusters
  {
    requirePermission("write compressed", unchanged: unchanged)
    if let (filter, below) = compressionFilter {
      let unit = child.limits.clusterSize
      for cluster in clusters {
        let request = FilteredRequest(.write, at: cluster.guestOffset, length: unit)
        try filter.admitCompressed(request, of: child)
      }
      return try below.prepareCompressed(clusters, unchanged: unchanged)
    }
    return try about(child.fileName) { () throws(BlockError) in try PreparedClusters(clusters, of: child) }
  }

  /// Writes prepared clusters, whose bytes `data` holds end to end.
  package func complete(_ prepared: consuming PreparedClusters, from data: RawSpan) throws(BlockError) {
    do throws(BlockError) {
      try prepared.write(data)
    } catch {
      throw error.about(child.fileName)
    }
  }

  /// Gives the room of prepared clusters back.
  package func abandon(_ prepared: consuming PreparedClusters) {}

  /// The child and what stands below it, where it is a filter that hands compressed clusters on.
  private var compressionFilter: (any FilterDriver, Edge)? {
    guard let filter = child.driver as? any FilterDriver, filter.handsOnCompressed, let below = child.filtered
    else { return nil }
    return (filter, below)
  }
}

extension BlockError {
  /// The error of a format that stores nothing compressed.
  package static var noCompression: BlockError {
    BlockError(
      .unsupported, "Compression not supported for this file format",
      advice: "'formats' tells which formats store clusters compressed.")
  }
}
