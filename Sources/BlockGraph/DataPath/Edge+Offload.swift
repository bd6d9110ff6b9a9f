// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

extension Edge {
  /// Completes a prepared write by letting the storage copy the bytes from `source`. Nil where that is done; else,
  /// where storage cannot or fails, the write itself, whose data has to be written in full.
  package func complete(_ prepared: consuming PreparedWrite, copyingFrom source: Edge, at offset: UInt64)
    throws(BlockError) -> PreparedWrite?
  {
    // Copying is an attempt: why it failed shows itself when the data is read and written.
    guard (try? copy(prepared, from: source, at: offset)) == true else { return prepared }
    try prepared.link()
    return nil
  }

  /// Copies the bytes of a prepared write; false where that is not possible.
  private func copy(_ prepared: borrowing PreparedWrite, from source: Edge, at offset: UInt64)
    throws(BlockError) -> Bool
  {
    // A header must not come to a guessed disk unseen, and storage does not make copies durable.
    guard child.flags.isDisjoint(with: [.probed, .writeThrough]) else { return false }
    var done: UInt64 = 0
    var places: [(place: StoragePlace, offset: UInt64)] = []
    for slot in try prepared.places() {
      guard let place = slot, place.length > 0 else { return false }
      places.append((place, offset + done))
      done += place.length
    }
    for (place, offset) in places {
      var copied: UInt64 = 0
      while copied < place.length {
        let count = try source.copy(at: offset + copied, length: place.length - copied, to: place, at: copied)
        guard count > 0 else { return false }
        copied += count
      }
    }
    return true
  }

  /// Copies the start of a range from wherever the chain below keeps it, counted as a request of each node on the
  /// way there. How many bytes were copied; 0 where that is not possible.
  private func copy(at offset: UInt64, length: UInt64, to place: StoragePlace, at skip: UInt64)
    throws(BlockError) -> UInt64
  {
    try request { (node: Node) throws(BlockError) in
      guard offset < node.length else { return 0 }
      let length = min(length, node.length - offset)
      if let driver = node.driver as? any StorageDriver {
        guard let driver = driver as? any CopyingDriver,
          try driver.copyRange(at: offset, length: length, to: place.driver, at: place.offset + skip)
        else { return 0 }
        return length
      }
      let extent = try node.extent(at: offset, length: length)
      let below: (edge: Edge?, offset: UInt64)
      switch (extent.kind, extent.encoding, extent.location) {
      case (.unallocated, _, _): below = (node.backing, offset)
      case (.data, .plain, .some(let location)): below = (try node.child(in: location.slot), location.offset)
      default: return 0
      }
      return try below.edge?.copy(at: below.offset, length: extent.length, to: place, at: skip) ?? 0
    }
  }
}

/// A range of storage that is to be written.
struct StoragePlace {
  var driver: any StorageDriver
  var offset: UInt64
  var length: UInt64
}
