// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
public import Errors

/// A range that has its place already: what is to be written there follows, from any thread, in any order.
///
/// The node counts the write as in flight until it is completed or abandoned, one of which must happen.
public struct PreparedWrite: Sendable {
  /// The guest offset in bytes.
  public let offset: UInt64
  /// The length in bytes.
  public let length: UInt64
  fileprivate let slots: [WriteSlot]
  fileprivate let isUnchanged: Bool
  /// Whether the bytes to come are encrypted already, but for slots that take more than them.
  fileprivate var isEncrypted = false

  fileprivate init(offset: UInt64, length: UInt64, slots: [WriteSlot], isUnchanged: Bool) {
    self.offset = offset
    self.length = length
    self.slots = slots
    self.isUnchanged = isUnchanged
  }

  /// Where storage right below `node` will hold each piece; nil for pieces that lie elsewhere, or that have to be
  /// written along with what is around them.
  func places(in node: Node) throws(BlockError) -> [StoragePlace?] {
    // What storage copied would stay as it is in the source.
    if node.encryption != nil { return [nil] }
    if let driver = node.driver as? any StorageDriver {
      return [StoragePlace(driver: driver, offset: offset, length: length)]
    }
    var places: [StoragePlace?] = []
    for slot in slots {
      let edge = try node.child(in: slot.location.slot)
      guard slot.fillBefore == 0, slot.fillAfter == 0, let driver = edge.child.driver as? any StorageDriver
      else {
        places.append(nil)
        continue
      }
      places.append(
        StoragePlace(driver: driver, offset: slot.location.offset, length: slot.length))
    }
    return places
  }
}

extension Edge {
  /// Finds the place of a range, so that the order of calls decides about the order on disk.
  ///
  /// With `unchanged`, the caller promises that readers see the same bytes as before.
  public func prepareWrite(at offset: UInt64, length: UInt64, unchanged: Bool = false) throws(BlockError)
    -> PreparedWrite
  {
    requirePermission("write", unchanged: unchanged)
    child.gate.enter()
    do throws(BlockError) {
      let slots = try child.slots(at: offset, length: length)
      return PreparedWrite(offset: offset, length: length, slots: slots, isUnchanged: unchanged)
    } catch {
      child.gate.leave()
      throw error
    }
  }

  /// Writes the data of a prepared range; `data` is as long as the range.
  public func complete(_ prepared: PreparedWrite, from data: RawSpan) throws(BlockError) {
    precondition(UInt64(data.byteCount) == prepared.length, "prepared write of another length")
    defer { child.gate.leave() }
    try child.refuseDisguise(at: prepared.offset, data)
    try child.write(prepared, from: data)
  }

  /// Whether the child encrypts, so that `encrypt` is worth calling before data is completed.
  public var encrypts: Bool { child.encryption != nil }

  /// Whether zeros have to be stored as any other data, since nothing stands for them.
  public var storesNoise: Bool { child.driver is any EncryptingStorage }

  /// Encrypts the data of a prepared range in place, so that completing it, with the same bytes, is only writing.
  ///
  /// What has to be written along with what is around it stays as it is, and is encrypted when it is completed.
  public func encrypt(_ prepared: inout PreparedWrite, _ data: inout MutableRawSpan) throws(BlockError) {
    precondition(UInt64(data.byteCount) == prepared.length, "prepared write of another length")
    guard let driver = child.encryption, !prepared.isEncrypted else { return }
    if driver is any EncryptingStorage {
      let unit = driver.encryptionUnit ?? 1
      guard prepared.offset % unit == 0, prepared.length % unit == 0 else { return }
      try driver.encrypt(&data, guestOffset: prepared.offset, hostOffset: prepared.offset)
      prepared.isEncrypted = true
      return
    }
    guard !prepared.slots.isEmpty else { return }
    var done = 0
    for slot in prepared.slots {
      let count = Int(slot.length)
      if slot.fillBefore == 0 && slot.fillAfter == 0 {
        var part = data.slice(done..<done + count)
        try driver.encrypt(
          &part, guestOffset: prepared.offset + UInt64(done), hostOffset: slot.location.offset)
      }
      done += count
    }
    prepared.isEncrypted = true
  }

  /// Links a prepared range whose bytes have been written already.
  func finish(_ prepared: PreparedWrite) throws(BlockError) {
    defer { child.gate.leave() }
    guard let format = child.driver as? any FormatDriver else { return }
    for slot in prepared.slots where slot.allocation != nil {
      try format.finishWrite(slot, written: true, of: child)
    }
  }

  /// Gives the place of a prepared range back.
  public func abandon(_ prepared: PreparedWrite) {
    defer { child.gate.leave() }
    child.giveBack(prepared.slots[...])
  }
}

extension Node {
  fileprivate func slots(at offset: UInt64, length: UInt64) throws(BlockError) -> [WriteSlot] {
    // Storage has every place already.
    guard let format = driver as? any FormatDriver else { return [] }
    guard let end = offset.plus(length), end <= self.length else {
      throw BlockError(.inputOutput, "write past the end of node '\(name)'")
    }
    var slots: [WriteSlot] = []
    var position = offset
    while position < end {
      do throws(BlockError) {
        let slot = try format.prepareWrite(at: position, length: end - position, of: self)
        slots.append(slot)
        position += slot.length
      } catch {
        giveBack(slots[...])
        throw error
      }
    }
    return slots
  }

  fileprivate func write(_ prepared: PreparedWrite, from data: RawSpan) throws(BlockError) {
    guard let format = driver as? any FormatDriver else {
      guard prepared.isEncrypted, let storage = driver as? any EncryptingStorage else {
        return try write(at: prepared.offset, from: data, unchanged: prepared.isUnchanged)
      }
      return try busy.run(prepared.offset..<prepared.offset + prepared.length, alone: false) {
        () throws(BlockError) in
        try storage.writeEncrypted(
          at: prepared.offset, from: data, unchanged: prepared.isUnchanged, of: self)
      }
    }
    var done = 0
    for (index, slot) in prepared.slots.enumerated() {
      let count = Int(slot.length)
      do throws(BlockError) {
        try fill(
          slot, at: prepared.offset + UInt64(done), with: data.slice(done..<done + count),
          unchanged: prepared.isUnchanged, isEncrypted: prepared.isEncrypted)
      } catch {
        giveBack(prepared.slots[index...])
        throw error
      }
      if slot.allocation != nil { try format.finishWrite(slot, written: true, of: self) }
      done += count
    }
  }

  fileprivate func giveBack(_ slots: ArraySlice<WriteSlot>) {
    guard let format = driver as? any FormatDriver else { return }
    // Whoever gives up has an error to report already.
    for slot in slots where slot.allocation != nil { try? format.finishWrite(slot, written: false, of: self) }
  }
}

// MARK: Compressed clusters

extension Edge {
  /// A compressor of the child's format for the use of one thread, or nil where it has none.
  public func makeCompressor() throws(BlockError) -> (any ClusterCompressor)? {
    guard let format = child.driver as? any CompressingDriver else { return nil }
    return try format.makeCompressor()
  }

  /// Finds room for compressed clusters, so that the order of calls decides about the order on disk. The slot has to
  /// be completed or abandoned; until then readers see what was there before, and the node counts a write in flight.
  ///
  /// With `unchanged`, the caller promises that readers see the same bytes as before.
  public func prepareCompressed(_ clusters: [CompressedCluster], unchanged: Bool = false) throws(BlockError)
    -> CompressedSlot
  {
    requirePermission("write compressed", unchanged: unchanged)
    child.gate.enter()
    do throws(BlockError) {
      guard let format = child.driver as? any CompressingDriver else {
        throw BlockError(.unsupported, "Compression not supported for this file format")
      }
      return try format.prepareCompressed(clusters, of: child)
    } catch {
      child.gate.leave()
      throw error
    }
  }

  /// Writes the clusters of a slot, whose bytes `data` holds end to end.
  public func complete(_ slot: CompressedSlot, from data: RawSpan) throws(BlockError) {
    defer { child.gate.leave() }
    guard let format = child.driver as? any CompressingDriver else { return }
    do throws(BlockError) {
      for piece in slot.pieces {
        try child.child(in: piece.location.slot).write(
          at: piece.location.offset, from: data.slice(piece.bytes))
      }
    } catch {
      // Whoever failed to write has an error to report already.
      try? format.finishCompressed(slot, written: false, of: child)
      throw error
    }
    try format.finishCompressed(slot, written: true, of: child)
  }

  /// Gives the room of a slot back.
  public func abandon(_ slot: CompressedSlot) {
    defer { child.gate.leave() }
    guard let format = child.driver as? any CompressingDriver else { return }
    try? format.finishCompressed(slot, written: false, of: child)
  }
}
