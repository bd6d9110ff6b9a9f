// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Host

// Changes of keys. Each comes to the image in an order in which, whatever write is the last to arrive, the header is
// whole and every key that is meant to stay opens the image: a new key's material before the header that names it, an
// old key's material after the header that no longer does. The library changes a copy of version 2 in memory.
extension LuksHeader {
  /// Stores the volume key in one more slot; the header afterwards.
  ///
  /// - Parameters:
  ///   - slot: the number of a slot that is not active; nil for the first.
  ///   - iterationTime: milliseconds that unlocking with it is to take.
  /// - Throws: kind `invalidArgument` for a number that is no slot's, `alreadyExists` for an active one, `noSpace`
  ///   where all are active.
  package func adding(
    _ passphrase: Secret, for key: LuksVolumeKey, slot: Int?, iterationTime: UInt64, in area: some LuksArea
  ) throws(BlockError) -> LuksHeader {
    var chosen = slot
    if chosen == nil { chosen = try firstFreeSlot() }
    let slot = chosen ?? 0
    try checkNumber(slot)
    guard !activeSlots.contains(slot) else {
      throw BlockError(
        .alreadyExists, "Refusing to overwrite active keyslot \(slot) - please erase it first")
    }
    let cost = try cost(ofNewKey: iterationTime)
    guard version == 2 else { return try addingVersion1(passphrase, for: key, slot, cost, in: area) }
    return try LibCryptsetup.lock.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(self, in: area)
      let used = try copy.add(passphrase, key: key.secret, slot: slot, cost)
      let after = try LuksHeader(unconfirmed: CopyArea(file: copy.file), isDetached: isDetached)
      guard let material = after.slot(used)?.area else {
        throw BlockError(.inputOutput, "The new key has no slot")
      }
      try requireRoom(for: used, material, in: area)
      try copy.write(material, to: area)
      try area.flush()
      try after.writeMetadata(of: copy, to: area)
      return after
    }
  }

  /// Erases slots and their material; the header afterwards. Whether a key is left is the caller's concern.
  ///
  /// - Throws: kind `invalidArgument` for a number that is no slot's, `notFound` for one that is not active.
  package func erasing(_ numbers: [Int], in area: some LuksArea) throws(BlockError) -> LuksHeader {
    for number in numbers {
      try checkNumber(number)
      guard activeSlots.contains(number) else {
        throw BlockError(.notFound, "Given keyslot \(number) is already erased (inactive) ")
      }
    }
    guard version == 2 else { return try erasingVersion1(numbers, in: area) }
    return try LibCryptsetup.lock.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(self, in: area)
      for number in numbers { try copy.erase(number) }
      let after = try LuksHeader(unconfirmed: CopyArea(file: copy.file), isDetached: isDetached)
      try after.writeMetadata(of: copy, to: area)
      for number in numbers {
        if let material = slot(number)?.area { try copy.write(material, to: area) }
      }
      try area.flush()
      return after
    }
  }

  /// Throws unless `number` is a slot's.
  package func checkNumber(_ number: Int) throws(BlockError) {
    guard (0..<slotCount).contains(number) else {
      throw BlockError(
        .invalidArgument, "Invalid keyslot \(number) specified, must be between 0 and \(slotCount - 1)")
    }
  }

  /// The first slot that holds nothing.
  ///
  /// - Throws: kind `noSpace` where there is none.
  package func firstFreeSlot() throws(BlockError) -> Int {
    for number in 0..<slotCount {
      // A slot of version 2 that is there without the volume key holds something else.
      let isFree = version == 1 ? !(slot(number)?.isActive ?? true) : slot(number) == nil
      if isFree { return number }
    }
    throw BlockError(
      .noSpace, "Can't add a keyslot - all keyslots are in use",
      advice:
        "A new key takes a slot of its own, also one that is to replace another. Erase one that is not needed "
        + "any more: 'luks erase-key --key-slot=N \(.file)'.")
  }

  /// Throws unless a slot's material fits the header's file.
  func requireRoom(for slot: Int, _ material: Range<UInt64>, in area: some LuksArea) throws(BlockError) {
    guard material.upperBound <= area.length else {
      throw BlockError(
        .noSpace, "Keyslot \(slot) would lie past the end of the header's file (\(area.length) bytes)",
        advice: "The header needs \(length) bytes for all its keys: 'truncate -s \(length) \(.file)'."
      ).about(area.fileName)
    }
  }

  /// A new key is derived as the ones before.
  private func cost(ofNewKey milliseconds: UInt64) throws(BlockError) -> KeyCost {
    guard let model = slots.first(where: { $0.isUsable }) else {
      return try KeyCost(.pbkdf2, hash: hash, milliseconds: milliseconds, keyBytes: keyBytes)
    }
    switch model.derivation {
    case .pbkdf2(let hash, _):
      return try KeyCost(.pbkdf2, hash: hash, milliseconds: milliseconds, keyBytes: keyBytes)
    case .argon2(let name, _, let kibibytes, let threads):
      let derivation = LuksDerivation(rawValue: name) ?? .argon2id
      var cost = try KeyCost(derivation, hash: hash, milliseconds: milliseconds, keyBytes: keyBytes)
      cost.kibibytes = min(cost.kibibytes, kibibytes)
      cost.threads = threads
      return cost
    case .other: return try KeyCost(.pbkdf2, hash: hash, milliseconds: milliseconds, keyBytes: keyBytes)
    }
  }

  /// Brings the header to the image: the second copy first, so that one of them is whole at any moment.
  private func writeMetadata(of copy: HeaderCopy, to area: some LuksArea) throws(BlockError) {
    for index in (0..<UInt64(copies)).reversed() {
      try copy.write(index * metadataSize..<(index + 1) * metadataSize, to: area)
      try area.flush()
    }
  }
}
