// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import BlockTables
internal import Bytes
internal import Crypto
internal import Errors
internal import Host
internal import Options

/// Guest data that is stored encrypted.
extension ClusterCodec {
  /// Encrypts what goes to a host offset.
  func encrypt(_ bytes: inout MutableRawSpan, guestOffset: UInt64, hostOffset: UInt64) throws(BlockError) {
    guard let encryption = currentEncryption else { return }
    let number = encryption.number(guestOffset: guestOffset, hostOffset: hostOffset)
    try encryption.cipher().encrypt(&bytes, from: number)
  }

  /// Reads and decrypts a range of an extent; the ends need not be those of sectors.
  func readEncrypted(
    from location: Extent.Location, at offset: UInt64, into buffer: inout MutableRawSpan, _ node: Node
  ) throws(BlockError) {
    guard let encryption = currentEncryption else { return }
    let skip = offset % ClusterEncryption.sector
    let number = encryption.number(guestOffset: offset - skip, hostOffset: location.offset - skip)
    try EncryptedSectors(of: try files.dataFile(of: node), by: try encryption.cipher()).read(
      at: location.offset, skip: skip, number: number, into: &buffer)
  }

  /// The place of a write with its ends moved out to whole sectors.
  func wholeSectors(_ slot: WriteSlot, at offset: UInt64) -> WriteSlot {
    guard isEncrypted else { return slot }
    let unit = ClusterEncryption.sector
    var slot = slot
    if slot.fillBefore == 0 { slot.fillBefore = offset % unit }
    let over = (offset + slot.length) % unit
    if slot.fillAfter == 0, over != 0 { slot.fillAfter = unit - over }
    return slot
  }

  // MARK: Keys

  /// Prepares to add or erase keys.
  func amendKeys(_ request: AmendRequest, of node: Node) throws(BlockError) -> AmendEffect {
    guard let encryption = currentEncryption, let place = encryption.place, let header = encryption.header
    else {
      let isOld = currentEncryption != nil
      throw BlockError(
        .unsupported,
        isOld
          ? "Only LUKS encryption options can be amended"
          : "Can't amend encryption options - encryption not present")
    }
    let amendment = try LuksAmendment(request.options, slots: header.slotCount, prefix: "encrypt.") {
      (id, isNew) throws(BlockError) in
      isNew ? try request.secrets.newKey(named: id) : try request.secrets.secret(named: id)
    }
    guard let unlocked = encryption.unlocked, let key = unlocked.key else {
      throw .noSecret("encrypt.key-secret", of: "qcow2", isNew: false)
    }
    let area = EncryptionArea(edge: try files.file(of: node), place: place)
    let staged = StagedArea(area)
    let routine = LuksKeyRoutine(
      area: staged, key: key, passphrase: unlocked.passphrase,
      others: request.keepsKnownKey ? request.secrets.all : nil, force: request.force)
    let changed = try routine.apply(amendment.change, to: header)
    return AmendEffect { [self] () throws(BlockError) in
      do throws(BlockError) {
        try staged.commit()
        use(changed)
      } catch {
        // Part of the change may have arrived.
        if let present = try? LuksHeader(in: area) { use(present) }
        throw error
      }
    } takeBack: { [self] () throws(BlockError) in
      try staged.takeBack()
      use(header)
    }
  }
}

extension ClusterEncryption {
  /// The description that `info` shows, in `qemu-img`'s order: the format stands behind the id.
  var description: OptionObject {
    guard let header else { return ["format": .string(method.formatName)] }
    var object = OptionObject()
    for entry in header.description.entries {
      object[entry.key] = entry.value
      if entry.key == "uuid" { object["format"] = .string(method.formatName) }
    }
    return object
  }
}
