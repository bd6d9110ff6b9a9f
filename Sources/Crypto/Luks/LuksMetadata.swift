// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

/// The JSON objects of a LUKS2 header.
struct LuksMetadata {
  private let slots: OptionObject
  private let segments: OptionObject
  private let digests: OptionObject
  private let config: OptionObject

  init(_ tree: OptionTree) throws(BlockError) {
    guard let root = tree.object else { throw BlockError(.corrupt, "LUKS metadata is not an object") }
    slots = try LuksMetadata.object(root, "keyslots", of: "metadata")
    segments = try LuksMetadata.object(root, "segments", of: "metadata")
    digests = try LuksMetadata.object(root, "digests", of: "metadata")
    config = try LuksMetadata.object(root, "config", of: "metadata")
  }

  /// Puts everything together and checks what lies where.
  mutating func header(metadataSize: UInt64, isDetached: Bool) throws(BlockError) -> LuksHeader {
    try checkConfig(metadataSize)
    let (segmentName, segment) = try theSegment()
    let owner = "LUKS segment \(segmentName)"
    let encryption = try LuksMetadata.string(segment, "encryption", of: owner)
    try LuksLimits.check(name: encryption, field: "encryption of segment \(segmentName)")
    let (digestName, digest) = try theDigest(of: segmentName)
    let sector = segment["sector_size"]?.unsigned ?? 512
    guard [512, 1024, 2048, 4096].contains(sector) else {
      throw BlockError(.corrupt, "\(owner) has sectors of \(sector) bytes")
    }
    let cipher = encryption.split(separator: "-", maxSplits: 1).map(String.init)
    var header = LuksHeader(
      version: 2, uuid: "", cipher: cipher.first ?? "", mode: cipher.count > 1 ? cipher[1] : "", keyBytes: 0,
      hash: try LuksMetadata.string(digest, "hash", of: "LUKS digest \(digestName)"),
      digestIterations: try LuksMetadata.number(digest, "iterations", of: "LUKS digest \(digestName)"),
      payloadOffset: try LuksMetadata.number(segment, "offset", of: owner), payloadLength: nil,
      sectorSize: Int(sector), ivTweak: try LuksMetadata.number(segment, "iv_tweak", of: owner), slots: [],
      metadataSize: metadataSize, copies: 2, label: "", sequence: 0, isDetached: isDetached,
      materialEnd: metadataSize * 2 + (try LuksMetadata.number(config, "keyslots_size", of: "LUKS config")))
    try LuksLimits.check(name: header.hash, field: "hash of digest \(digestName)")
    try LuksLimits.check(iterations: header.digestIterations, of: "LUKS digest \(digestName)")
    if segment["size"]?.string != "dynamic" {
      header.payloadLength = try LuksMetadata.number(segment, "size", of: owner)
    }
    try readSlots(into: &header, bound: Set(LuksMetadata.names(digest, "keyslots")))
    try checkAreas(header)
    return header
  }

  private func checkConfig(_ metadataSize: UInt64) throws(BlockError) {
    let json = try LuksMetadata.number(config, "json_size", of: "LUKS config")
    guard json == metadataSize - 4096 else {
      throw BlockError(.corrupt, "LUKS metadata size \(json) does not fit its header")
    }
    let material = try LuksMetadata.number(config, "keyslots_size", of: "LUKS config")
    guard material <= 128 << 20, material % 4096 == 0 else {
      throw BlockError(.corrupt, "LUKS key material area of \(material) bytes is not possible")
    }
    let needed = config["requirements"]?.object.map { LuksMetadata.names($0, "mandatory") } ?? []
    if let first = needed.first {
      let known = first.utf8.allSatisfy { (0x2D...0x7A).contains($0) } ? first : "?"
      throw BlockError(.unsupported, "LUKS header requires '\(known)', which is not supported")
    }
  }

  /// The only segment that is not a backup of another.
  private func theSegment() throws(BlockError) -> (String, OptionObject) {
    var found: (String, OptionObject)?
    for entry in segments.entries {
      guard let segment = entry.value.object, Int(entry.key) != nil else {
        throw BlockError(.corrupt, "LUKS segment is not an object with a number")
      }
      let flags = LuksMetadata.names(segment, "flags")
      if flags.contains(where: { $0.hasPrefix("backup-") }) { continue }
      guard found == nil else {
        throw BlockError(.unsupported, "LUKS image with more than one segment is not supported")
      }
      guard segment["type"]?.string == "crypt" else {
        throw BlockError(.unsupported, "LUKS segment \(entry.key) is not encrypted")
      }
      guard segment["integrity"] == nil else {
        throw BlockError(.unsupported, "LUKS segment \(entry.key) with integrity protection is not supported")
      }
      found = (entry.key, segment)
    }
    guard let found else { throw BlockError(.corrupt, "LUKS header describes no segment") }
    return found
  }

  private func theDigest(of segment: String) throws(BlockError) -> (String, OptionObject) {
    for entry in digests.entries {
      guard let digest = entry.value.object, Int(entry.key) != nil else {
        throw BlockError(.corrupt, "LUKS digest is not an object with a number")
      }
      guard LuksMetadata.names(digest, "segments").contains(segment) else { continue }
      guard digest["type"]?.string == "pbkdf2" else {
        throw BlockError(.unsupported, "LUKS digest \(entry.key) is of an unknown type")
      }
      return (entry.key, digest)
    }
    throw BlockError(.corrupt, "LUKS segment \(segment) has no digest")
  }

  // MARK: Key slots

  private func readSlots(into header: inout LuksHeader, bound: Set<String>) throws(BlockError) {
    for entry in slots.entries {
      guard let number = Int(entry.key), (0..<32).contains(number), String(number) == entry.key,
        let slot = entry.value.object
      else { throw BlockError(.corrupt, "LUKS key slot is not an object with a number from 0 to 31") }
      guard slot["type"]?.string == "luks2" else {
        throw BlockError(.unsupported, "Keyslot \(number) is of an unknown type")
      }
      header.slots.append(try LuksMetadata.slot(number, slot, isActive: bound.contains(entry.key)))
      guard bound.contains(entry.key) else { continue }
      let keyBytes = try LuksMetadata.number(slot, "key_size", of: "Keyslot \(number)")
      guard keyBytes > 0, keyBytes <= UInt64(LuksLimits.keyBytes) else {
        throw BlockError(.corrupt, "Keyslot \(number) holds a key of \(keyBytes) bytes")
      }
      guard header.keyBytes == 0 || header.keyBytes == Int(keyBytes) else {
        throw BlockError(.corrupt, "Keyslot \(number) holds a key of another length")
      }
      header.keyBytes = Int(keyBytes)
    }
    header.slots.sort { $0.number < $1.number }
    // Without a key slot nobody can tell, and nobody can open the image either.
    if header.keyBytes == 0 { header.keyBytes = 64 }
  }

  private static func slot(_ number: Int, _ slot: OptionObject, isActive: Bool) throws(BlockError)
    -> LuksKeySlot
  {
    let owner = "Keyslot \(number)"
    let area = try object(slot, "area", of: owner)
    let split = try object(slot, "af", of: owner)
    let offset = try self.number(area, "offset", of: owner)
    let size = try self.number(area, "size", of: owner)
    guard size > 0, size <= LuksLimits.slotArea, let end = offset.plus(size) else {
      throw BlockError(.corrupt, "\(owner) area of \(size) bytes at \(offset) is not possible")
    }
    try LuksLimits.check(name: try string(area, "encryption", of: owner), field: "encryption of \(owner)")
    let stripes = try self.number(split, "stripes", of: owner)
    guard stripes == LuksLimits.stripes else {
      throw BlockError(.corrupt, "\(owner) is corrupted (stripes \(stripes) != \(LuksLimits.stripes))")
    }
    let areaKey = try self.number(area, "key_size", of: owner)
    guard areaKey > 0, areaKey <= UInt64(LuksLimits.keyBytes) else {
      throw BlockError(.corrupt, "\(owner) area key of \(areaKey) bytes is not possible")
    }
    return LuksKeySlot(
      number: number, isActive: isActive, area: offset..<end, stripes: stripes,
      derivation: try derivation(try object(slot, "kdf", of: owner), owner))
  }

  private static func derivation(_ kdf: OptionObject, _ owner: String) throws(BlockError)
    -> LuksKeySlot.Derivation
  {
    switch kdf["type"]?.string {
    case "pbkdf2":
      let iterations = try number(kdf, "iterations", of: owner)
      try LuksLimits.check(iterations: iterations, of: owner)
      let hash = try string(kdf, "hash", of: owner)
      try LuksLimits.check(name: hash, field: "hash of \(owner)")
      return .pbkdf2(hash: hash, iterations: iterations)
    case .some(let name) where name == "argon2i" || name == "argon2id":
      let passes = try number(kdf, "time", of: owner)
      let memory = try number(kdf, "memory", of: owner)
      let threads = try number(kdf, "cpus", of: owner)
      try LuksLimits.checkArgon2(passes: passes, kibibytes: memory, threads: threads, of: owner)
      return .argon2(name: name, passes: passes, kibibytes: memory, threads: threads)
    default:
      throw BlockError(.unsupported, "\(owner) key derivation is not known")
    }
  }

  /// The material lies between the copies of the header and the data, and no two slots share a byte.
  private func checkAreas(_ header: LuksHeader) throws(BlockError) {
    let start = header.metadataSize * 2
    let end = header.materialEnd
    for slot in header.slots {
      guard slot.area.lowerBound >= start else {
        throw BlockError(.corrupt, "Keyslot \(slot.number) is overlapping with the LUKS header")
      }
      guard slot.area.upperBound <= end else {
        throw BlockError(.corrupt, "Keyslot \(slot.number) is outside the key material area")
      }
    }
    try header.refuseOverlaps()
    // Another file's offset says nothing about this one; 0 is told apart where the data is looked for.
    guard header.isDetached || header.payloadOffset == 0 || header.payloadOffset >= end else {
      throw BlockError(.corrupt, "LUKS payload is overlapping with the header")
    }
    guard header.payloadOffset % UInt64(header.sectorSize) == 0 else {
      throw BlockError(.corrupt, "LUKS payload offset \(header.payloadOffset) is not aligned")
    }
    if let length = header.payloadLength {
      guard length % UInt64(header.sectorSize) == 0, header.payloadOffset.plus(length) != nil else {
        throw BlockError(.corrupt, "LUKS payload of \(length) bytes is not possible")
      }
    }
  }

  // MARK: Fields

  private static func object(_ parent: OptionObject, _ key: String, of owner: String) throws(BlockError)
    -> OptionObject
  {
    guard let value = parent[key]?.object else {
      throw BlockError(.corrupt, "\(owner) has no object '\(key)'")
    }
    return value
  }

  private static func string(_ parent: OptionObject, _ key: String, of owner: String) throws(BlockError)
    -> String
  {
    guard let value = parent[key]?.string else { throw BlockError(.corrupt, "\(owner) has no text '\(key)'") }
    return value
  }

  /// A whole number; those that need 64 bits stand as decimal text.
  private static func number(_ parent: OptionObject, _ key: String, of owner: String) throws(BlockError)
    -> UInt64
  {
    let value = parent[key]
    if let number = value?.unsigned { return number }
    if let text = value?.string, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = UInt64(text)
    {
      return number
    }
    throw BlockError(.corrupt, "\(owner) has no number '\(key)'")
  }

  /// The texts of an array; empty where there is none.
  private static func names(_ parent: OptionObject, _ key: String) -> [String] {
    var names: [String] = []
    for element in parent[key]?.array ?? [] { if let name = element.string { names.append(name) } }
    return names
  }
}
