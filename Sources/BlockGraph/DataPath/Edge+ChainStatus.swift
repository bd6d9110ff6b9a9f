// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// The content of a guest range, and the layer of the chain that states it.
package struct ChainStatus: Sendable, Equatable {
  /// Bytes from the start of the request for which all this holds; at least 1.
  package var length: UInt64
  /// How many backing links below the top the layer is.
  package var depth: Int
  /// Whether some layer says anything at all about the range.
  package var isPresent: Bool
  /// Whether the range reads as zero for certain.
  package var isZero: Bool
  /// Whether bytes are stored for it.
  package var isData: Bool
  /// Whether those bytes are compressed.
  package var isCompressed: Bool
  /// Whether the walk ended above the base it was given: the range is what the base says.
  package var reachesBase = false
  /// Where they lie in the layer's file, in bytes, when they lie there as they are.
  package var hostOffset: UInt64?
  /// The node that they lie in, when `hostOffset` is known.
  package var host: Host?

  /// A node that bytes lie in.
  package struct Host: Sendable, Equatable {
    /// The node.
    package let node: Node

    /// Whether both are the same node.
    package static func == (one: Host, other: Host) -> Bool { one.node === other.node }
  }

  /// Whether `other`, which starts where this range ends, continues it.
  package func continues(into other: ChainStatus) -> Bool {
    let place =
      hostOffset.map { $0.plus(length) } == other.hostOffset.map(Optional.some) && host == other.host
    return place && depth == other.depth && isPresent == other.isPresent && isZero == other.isZero
      && isData == other.isData && isCompressed == other.isCompressed
  }
}

extension ChainStatus {
  /// Tells the place that a layer has for a range of which it has nothing, if it has one all the same.
  fileprivate mutating func take(_ location: Extent.Location?, of layer: Node) {
    guard let location else { return }
    hostOffset = location.offset
    host = layer.edge(location.slot).map { Host(node: $0.child) }
  }

  /// The status of a range that a layer allocates; asks the layer's child where it may know of holes.
  fileprivate static func of(_ extent: Extent, in layer: Node, depth: Int) throws(BlockError) -> ChainStatus {
    var status = ChainStatus(
      length: extent.length, depth: depth, isPresent: true, isZero: extent.kind == .zero,
      isData: extent.kind == .data, isCompressed: extent.encoding == .compressed)
    guard let location = extent.location, extent.encoding != .compressed else { return status }
    // Bytes that are not what the guest reads have no place worth telling.
    if layer.encryption != nil { return status }
    status.hostOffset = location.offset
    status.host = Host(node: layer)
    if layer.driver is any StorageDriver { return status }
    let child = try layer.child(in: location.slot)
    status.host = Host(node: child.child)
    // A format's separate data file is taken as data throughout: it may have been preallocated on purpose.
    guard extent.kind == .data, extent.encoding == .plain, location.slot != .dataFile,
      (layer.driver as? any FormatDriver)?.mayHaveHoles(of: layer) != false
    else { return status }
    let childLength = child.length
    guard location.offset < childLength else {
      status.isZero = true
      status.isData = !extent.isPassThrough
      return status
    }
    status.length = min(status.length, childLength - location.offset)
    let below: ChainStatus
    do throws(BlockError) {
      below = try child.chainStatus(at: location.offset, length: status.length)
    } catch {
      // The layer itself says that there is data; holes of its file are only a hint.
      guard !extent.isPassThrough else { throw error }
      return status
    }
    status.length = below.length
    if location.offset + below.length == childLength {
      // The storage's last block is one thing, also where the file ends in the middle of it.
      let end = childLength.roundedUp(to: max(child.child.limits.requestAlignment, 1)) ?? childLength
      status.length = min(extent.length, end - location.offset)
    }
    if extent.isPassThrough {
      (status.isPresent, status.isZero, status.isData) = (below.isPresent, below.isZero, below.isData)
      (status.hostOffset, status.host) = (below.hostOffset, below.host)
    } else if below.isZero {
      status.isZero = true
    }
    return status
  }
}

extension Edge {
  /// The status of the range in the chain below; `offset` must lie inside the length.
  ///
  /// The walk stops at the first layer that allocates; filters count as what they show. Past the end of a shorter
  /// backing file everything is zero, and it is the last layer long enough that says so. With `base`, the walk ends
  /// above it.
  package func chainStatus(at offset: UInt64, length: UInt64, above base: Node? = nil) throws(BlockError)
    -> ChainStatus
  {
    var edge = self
    var depth = 0
    var length = length
    // The layer that was asked last, and its answer: it has nothing here.
    var above: (node: Node, extent: Extent)?
    while true {
      let end = edge.length
      guard offset < end else {
        // The layer above is the one that reads as zero here.
        var status = ChainStatus(
          length: length, depth: max(depth - 1, 0), isPresent: false, isZero: true, isData: false,
          isCompressed: false)
        if let above { status.take(above.extent.location, of: above.node) }
        return status
      }
      length = min(length, end - offset)
      let extent = try edge.extent(at: offset, length: length)
      length = extent.length
      // A filter let the question pass; the content that it shows is not its own.
      if extent.isPassThrough, let below = edge.child.filtered {
        edge = below
        continue
      }
      guard extent.kind == .unallocated else {
        return try ChainStatus.of(extent, in: edge.child, depth: depth)
      }
      guard let backing = edge.child.backing, backing.child !== base else {
        var status = ChainStatus(
          length: length, depth: depth, isPresent: false, isZero: !(edge.child.driver is any StorageDriver),
          isData: false, isCompressed: false, reachesBase: edge.child.backing != nil)
        status.take(extent.location, of: edge.child)
        return status
      }
      above = (edge.child, extent)
      edge = backing
      depth += 1
    }
  }
}
