// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

// A slot whose fields are not of their types makes the whole header one that nobody reads. One whose fields say
// what is not known here, or costs too much, is only left alone.
extension LuksMetadata {
  func slot(_ number: Int, _ fields: LuksMetadataObject, isActive: Bool) throws(BlockError) -> LuksKeySlot {
    let owner = "Keyslot \(number)"
    let type = try fields.text("type")
    let keyBytes = try fields.integer("key_size")
    guard (0...Int64(Int32.max)).contains(keyBytes) else {
      throw BlockError(.corrupt, "\(owner) holds a key of \(keyBytes) bytes")
    }
    let area = try fields.object("area")
    let areaType = try area.text("type")
    let offset = try area.decimal("offset")
    let size = try area.decimal("size")
    guard size > 0, let end = offset.plus(size) else {
      throw BlockError(.corrupt, "\(owner) area of \(size) bytes at \(offset) is not possible")
    }
    var slot = LuksKeySlot(
      number: number, isActive: isActive, area: offset..<end, stripes: 0, derivation: .other(name: ""),
      salt: [])
    guard type == "luks2" else {
      slot.flaw = BlockError(.unsupported, "\(owner) is of an unknown type")
      return slot
    }
    slot.isIgnored = fields.values["priority"] == 0
    let split = try fields.object("af")
    guard try split.text("type") == "luks1", areaType == "raw" else {
      throw BlockError(.corrupt, "\(owner) keeps its key in an unknown way")
    }
    let stripes = try split.integer("stripes")
    let encryption = try area.text("encryption")
    let areaKeyBytes = try area.integer("key_size")
    let hash = try split.text("hash")
    let kdf = try fields.object("kdf")
    let salt = try kdf.text("salt")
    slot.derivation = try LuksMetadata.derivation(kdf)
    do throws(BlockError) {
      try checkKey(owner, keyBytes, stripes, areaKeyBytes)
      try LuksLimits.check(name: encryption, field: "encryption of \(owner)")
      try LuksLimits.check(name: hash, field: "hash of \(owner)")
      try check(slot.derivation, of: owner)
      guard let bytes = Base64.bytes(salt), !bytes.isEmpty else {
        throw BlockError(.corrupt, "\(owner) has no salt")
      }
      slot.salt = bytes
      slot.stripes = UInt64(stripes)
      let (cipher, mode) = CipherName.divide(encryption)
      let material = KeyMaterial(
        cipher: cipher, mode: mode, areaKeyBytes: Int(areaKeyBytes), hash: hash, stripes: slot.stripes)
      guard size <= LuksLimits.slotArea, size >= UInt64(material.length(keyBytes: Int(keyBytes))) else {
        throw BlockError(.corrupt, "\(owner) area of \(size) bytes is not possible for its key")
      }
      slot.material = material
    } catch {
      slot.flaw = error
    }
    return slot
  }

  private func checkKey(_ owner: String, _ keyBytes: Int64, _ stripes: Int64, _ areaKeyBytes: Int64)
    throws(BlockError)
  {
    guard keyBytes > 0, keyBytes <= LuksLimits.keyBytes else {
      throw BlockError(.corrupt, "\(owner) holds a key of \(keyBytes) bytes")
    }
    guard stripes == Int64(LuksLimits.stripes) else {
      throw BlockError(.corrupt, "\(owner) is corrupted (stripes \(stripes) != \(LuksLimits.stripes))")
    }
    guard areaKeyBytes > 0, areaKeyBytes <= LuksLimits.keyBytes else {
      throw BlockError(.corrupt, "\(owner) area key of \(areaKeyBytes) bytes is not possible")
    }
  }

  private static func derivation(_ kdf: LuksMetadataObject) throws(BlockError) -> LuksKeySlot.Derivation {
    func cost(_ key: String) throws(BlockError) -> UInt64 { UInt64(max(try kdf.integer(key), 0)) }
    let type = try kdf.text("type")
    switch type {
    case "pbkdf2": return .pbkdf2(hash: try kdf.text("hash"), iterations: try cost("iterations"))
    case "argon2i", "argon2id":
      return .argon2(
        name: type, passes: try cost("time"), kibibytes: try cost("memory"), threads: try cost("cpus"))
    default: return .other(name: type)
    }
  }

  private func check(_ derivation: LuksKeySlot.Derivation, of owner: String) throws(BlockError) {
    switch derivation {
    case .pbkdf2(let hash, let iterations):
      try LuksLimits.check(name: hash, field: "hash of \(owner)")
      try limits.check(iterations: iterations, of: owner)
    case .argon2(_, let passes, let kibibytes, let threads):
      try limits.checkArgon2(passes: passes, kibibytes: kibibytes, threads: threads, of: owner)
    case .other: throw BlockError(.unsupported, "\(owner) key derivation is not known")
    }
  }
}
