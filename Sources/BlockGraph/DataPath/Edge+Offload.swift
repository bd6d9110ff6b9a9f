// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
public import Errors

extension Edge {
  /// Completes a prepared write by letting the storage copy the bytes from `source`. False where it cannot:
  /// the write is still prepared then, and its data has to be written in full.
  public func complete(_ prepared: PreparedWrite, copyingFrom source: Edge, at offset: UInt64)
    throws(BlockError)
    -> Bool
  {
    // A header must not come to a guessed disk unseen, and storage does not make copies durable.
    guard child.flags.isDisjoint(with: [.probed, .writeThrough]) else { return false }
    var done: UInt64 = 0
    var places: [(place: StoragePlace, offset: UInt64)] = []
    for slot in try prepared.places(in: child) {
      guard let place = slot, place.length > 0 else { return false }
      places.append((place, offset + done))
      done += place.length
    }
    for (place, offset) in places {
      guard try source.copy(at: offset, to: place) else { return false }
    }
    try finish(prepared)
    return true
  }

  /// Copies as many bytes as `place` has, from wherever the chain below keeps them.
  private func copy(at offset: UInt64, to place: StoragePlace) throws(BlockError) -> Bool {
    var done: UInt64 = 0
    while done < place.length {
      guard let from = try storage(at: offset + done, length: place.length - done),
        let driver = from.driver as? any CopyingDriver,
        try driver.copyRange(at: from.offset, length: from.length, to: place.driver, at: place.offset + done)
      else { return false }
      done += from.length
    }
    return true
  }

  /// Where storage keeps the start of a range as it is, or nil where it does not.
  private func storage(at offset: UInt64, length: UInt64) throws(BlockError) -> StoragePlace? {
    guard offset < self.length else { return nil }
    let length = min(length, self.length - offset)
    if let driver = child.driver as? any StorageDriver {
      return StoragePlace(driver: driver, offset: offset, length: length)
    }
    let extent = try extent(at: offset, length: length)
    switch (extent.kind, extent.encoding, extent.location) {
    case (.unallocated, _, _):
      return try child.backing?.storage(at: offset, length: extent.length)
    case (.data, .plain, .some(let location)):
      return try child.child(in: location.slot).storage(at: location.offset, length: extent.length)
    default:
      return nil
    }
  }
}

/// A range of storage.
struct StoragePlace {
  var driver: any StorageDriver
  var offset: UInt64
  var length: UInt64
}
