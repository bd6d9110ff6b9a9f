// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// Tries passphrases on the slots of one header. Changes nothing.
///
/// libcryptsetup derives keys with Argon2, for which it has several threads; everything else is done here, so that
/// also ciphers work that neither it nor this machine's kernel has.
struct SlotOpener<Area: LuksArea> {
  private let header: LuksHeader
  private let area: Area

  /// - Throws: kind `unsupported` where nothing would tell the right key from a wrong one.
  init(_ header: LuksHeader, in area: Area) throws(BlockError) {
    self.header = header
    self.area = area
    let size = try Digest(header.digest.hash).size()
    // Version 1 has room for the start of it alone.
    guard header.version == 1 || header.digest.value.count == size else {
      throw BlockError(
        .corrupt, "LUKS digest of \(header.digest.value.count) bytes is none of \(header.hash)")
    }
  }

  /// The volume key, or nil where the passphrase does not open the slot.
  ///
  /// - Throws: why the slot cannot be tried.
  func open(_ slot: LuksKeySlot, _ passphrase: Secret) throws(BlockError) -> LuksVolumeKey? {
    if let flaw = slot.flaw { throw flaw }
    let owner = "Keyslot \(slot.number)"
    guard let material = slot.material else {
      throw BlockError(.unsupported, "\(owner) is of an unknown type")
    }
    let isInOpenSSL: Bool
    do throws(BlockError) {
      isInOpenSSL = try material.cipherSpec().isInOpenSSL
      _ = try Digest(material.hash)
    } catch {
      throw BlockError(error.kind, "\(owner): \(error.message)")
    }
    let sealed = try sealedKey(slot, material)
    let key: Secret
    switch slot.derivation {
    case .pbkdf2(let hash, let iterations):
      key = try Digest(hash).derive(
        passphrase, salt: slot.salt, iterations: iterations, count: material.areaKeyBytes)
    case .argon2(let name, let passes, let kibibytes, let threads):
      guard !isInOpenSSL else { return try openInLibrary(slot, passphrase) }
      key = try LibGcrypt.shared().argon2(
        name, passes: passes, kibibytes: kibibytes, lanes: threads, passphrase, salt: slot.salt,
        count: material.areaKeyBytes)
    case .other: throw BlockError(.unsupported, "\(owner) key derivation is not known")
    }
    let found = try material.open(sealed, key: key, keyBytes: header.keyBytes)
    guard try header.digest.matches(found) else { return nil }
    return LuksVolumeKey(slot: slot.number, secret: found)
  }

  private func openInLibrary(_ slot: LuksKeySlot, _ passphrase: Secret) throws(BlockError) -> LuksVolumeKey? {
    try LibCryptsetup.lock.withLock { () throws(BlockError) in
      try HeaderCopy(header, in: area).volumeKey(passphrase, slot: slot.number, keyBytes: header.keyBytes)
    }
  }

  /// Throws unless the slot could be tried.
  func requireMaterial(_ slot: LuksKeySlot) throws(BlockError) {
    if let flaw = slot.flaw { throw flaw }
    guard let material = slot.material else {
      throw BlockError(.unsupported, "Keyslot \(slot.number) is of an unknown type")
    }
    _ = try sealedKey(slot, material)
  }

  /// The bytes of a slot's area.
  ///
  /// - Throws: kind `corrupt` where there are none, which no passphrase explains.
  private func sealedKey(_ slot: LuksKeySlot, _ material: KeyMaterial) throws(BlockError) -> Secret {
    let length = material.length(keyBytes: header.keyBytes)
    guard slot.area.lowerBound + UInt64(length) <= area.length else {
      throw BlockError(
        .corrupt, "Keyslot \(slot.number) is past the end of the header's file (\(area.length) bytes)")
    }
    let sealed = try Secret(count: length) { (target: inout MutableRawSpan) throws(BlockError) in
      try area.read(at: slot.area.lowerBound, into: &target)
    }
    guard !sealed.bytes.isZero else {
      throw BlockError(
        .corrupt, "Keyslot \(slot.number) has lost its key material: there are zeros in its place")
    }
    return sealed
  }
}
