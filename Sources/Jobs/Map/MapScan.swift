// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors

/// A guest range of one status, as `map` shows it.
package struct MapEntry: Sendable, Equatable {
  /// Where the range starts, in bytes.
  package var start: UInt64
  /// The status of the range, its length included.
  package var status: ChainStatus

  /// Whether `other` follows and is of the same status.
  func continues(into other: MapEntry) -> Bool {
    start.plus(status.length) == other.start && status.continues(into: other.status)
  }
}

/// Walks over an image and tells range by range what is where, ranges that belong together in one piece.
package struct MapScan {
  private let edge: Edge
  private var position: UInt64
  private let end: UInt64
  private var waiting: MapEntry?

  /// A walk over `length` bytes from `start`, as far as the image reaches.
  package init(_ edge: Edge, start: UInt64 = 0, length: UInt64 = .max) {
    self.edge = edge
    position = start
    end = min(edge.length, start.plus(length) ?? .max)
  }

  /// The next range, or nil at the end.
  package mutating func next() throws(BlockError) -> MapEntry? {
    while position < end {
      var entry = MapEntry(
        start: position, status: try edge.chainStatus(at: position, length: end - position))
      settleBeyondEnd(&entry)
      position += entry.status.length
      guard let before = waiting else {
        waiting = entry
        continue
      }
      guard before.continues(into: entry) else {
        waiting = entry
        return before
      }
      waiting?.status.length += entry.status.length
    }
    defer { waiting = nil }
    return waiting
  }

  /// A range past the end of a backing file is not present; it is told of the layer above, which reaches so far.
  private func settleBeyondEnd(_ entry: inout MapEntry) {
    guard entry.status.depth > 0, entry.status.isZero, entry.status.hostOffset == nil else { return }
    var layer = edge
    for depth in 0..<entry.status.depth {
      guard let backing = layer.child.backing else { return }
      if entry.start >= backing.length {
        entry.status.depth = depth
        entry.status.isPresent = false
        return
      }
      layer = backing
    }
  }
}
