// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors

/// A range that has its place already: the bytes to be written there follow, from any thread, in any order.
///
/// The node counts the write as in flight until it is completed or abandoned. It cannot be copied, and a value that
/// ends otherwise is abandoned: no place stays claimed.
package struct PreparedWrite: ~Copyable, Sendable {
  /// The guest offset in bytes.
  package let offset: UInt64
  /// The length in bytes.
  package let length: UInt64
  fileprivate var claimed: ClaimedSlots
  fileprivate let isUnchanged: Bool
  /// Whether the bytes to come are encrypted already, but for slots that take more than them.
  fileprivate var isEncrypted = false

  fileprivate init(
    at offset: UInt64, length: UInt64, of node: Node, isUnchanged: Bool
  ) throws(BlockError) {
    self.offset = offset
    self.length = length
    self.isUnchanged = isUnchanged
    claimed = ClaimedSlots(of: node, isRequest: true)
    guard node.driver is any FormatDriver else { return }
    guard let end = offset.plus(length), end <= node.length else {
      throw BlockError(.inputOutput, "write past the end of node '\(node.name)'")
    }
    var position = offset
    while position < end, let slot = try claimed.claim(at: position, length: end - position) {
      position += slot.length
    }
  }

  /// Where storage right below the node will hold each piece; nil for pieces that lie elsewhere, or that have to be
  /// written along with what is around them.
  func places() throws(BlockError) -> [StoragePlace?] {
    let node = claimed.node
    // Bytes that storage copies stay as they are in the source: not encrypted.
    if node.encryption != nil { return [nil] }
    if let driver = node.driver as? any StorageDriver {
      return [StoragePlace(driver: driver, offset: offset, length: length)]
    }
    var places: [StoragePlace?] = []
    for slot in claimed.slots {
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

  /// Writes the bytes of the range, and links it.
  fileprivate mutating func write(_ data: RawSpan) throws(BlockError) {
    let node = claimed.node
    guard node.driver is any FormatDriver else {
      guard isEncrypted, let storage = node.driver as? any EncryptingStorage else {
        return try node.write(at: offset, from: data, unchanged: isUnchanged)
      }
      let (offset, isUnchanged) = (offset, isUnchanged)
      return try node.busy.run(offset..<offset + length, alone: false) { () throws(BlockError) in
        try storage.writeEncrypted(at: offset, from: data, unchanged: isUnchanged, of: node)
      }
    }
    var done = 0
    for slot in claimed.slots {
      let count = Int(slot.length)
      try node.fill(
        slot, at: offset + UInt64(done), with: data.slice(done..<done + count), unchanged: isUnchanged,
        isEncrypted: isEncrypted)
      try claimed.linkNext()
      done += count
    }
  }

  /// Links the range, whose bytes have been written already.
  mutating func link() throws(BlockError) { try claimed.linkAll() }
}

extension Edge {
  /// Finds the place of a range, so that the order of calls decides about the order on disk.
  ///
  /// With `unchanged`, the caller promises that readers see the same bytes as before.
  package func prepareWrite(at offset: UInt64, length: UInt64, unchanged: Bool = false) throws(BlockError)
    -> PreparedWrite
  {
    requirePermission("write", unchanged: unchanged)
    return try about(child.fileName) { () throws(BlockError) in
      try PreparedWrite(at: offset, length: length, of: child, isUnchanged: unchanged)
    }
  }

  /// Writes the data of a prepared range; `data` is as long as the range.
  package func complete(_ prepared: consuming PreparedWrite, from data: RawSpan) throws(BlockError) {
    precondition(UInt64(data.byteCount) == prepared.length, "prepared write of another length")
    do throws(BlockError) {
      try child.refuseLookingLikeImage(at: prepared.offset, data)
      guard child.detectsZeroes(in: data) else { return try prepared.write(data) }
      let (offset, isUnchanged) = (prepared.offset, prepared.isUnchanged)
      abandon(prepared)
      try child.writeDetectedZeroes(
        at: offset, length: UInt64(data.byteCount), unchanged: isUnchanged)
    } catch {
      throw error.about(child.fileName)
    }
  }

  /// Whether the child encrypts, so that `encrypt` is worth calling before data is completed.
  package var encrypts: Bool { child.encryption != nil && !child.flags.contains(.detectsZeroes) }

  /// Encrypts the data of a prepared range in place, so that completing it, with the same bytes, is only writing.
  ///
  /// Data that has to be written along with bytes around it stays as it is, and is encrypted when it is completed.
  package func encrypt(_ prepared: inout PreparedWrite, _ data: inout MutableRawSpan) throws(BlockError) {
    precondition(UInt64(data.byteCount) == prepared.length, "prepared write of another length")
    guard let driver = child.encryption, !prepared.isEncrypted, !child.flags.contains(.detectsZeroes) else {
      return
    }
    if driver is any EncryptingStorage {
      let unit = driver.encryptionUnit ?? 1
      guard prepared.offset % unit == 0, prepared.length % unit == 0 else { return }
      try driver.encrypt(&data, guestOffset: prepared.offset, hostOffset: prepared.offset)
      prepared.isEncrypted = true
      return
    }
    guard !prepared.claimed.slots.isEmpty else { return }
    var done = 0
    for slot in prepared.claimed.slots {
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

  /// Gives the place of a prepared range back.
  package func abandon(_ prepared: consuming PreparedWrite) {}
}
