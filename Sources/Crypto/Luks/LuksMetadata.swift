// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Options

/// The JSON text of a LUKS2 header, held against the whole schema of the specification: every field that is
/// mandatory is there and of its type, and what refers to something refers to what there is.
struct LuksMetadata {
  /// A digest, and the slots and segments that it is for.
  struct Digest {
    var number: Int
    var fields: LuksMetadataObject
    var slots: [String]
    var segments: [String]
  }

  let metadataSize: UInt64
  let limits: LuksLimits
  let slots: [(Int, LuksMetadataObject)]
  private let segments: [(Int, LuksMetadataObject)]
  private let digests: [Digest]
  private let materialSize: UInt64

  /// So many objects of a kind there may be.
  private static let most = 32

  /// Reads and checks everything but what lies where.
  init(_ tree: OptionTree, metadataSize: UInt64, _ limits: LuksLimits) throws(BlockError) {
    let root = try LuksMetadataObject(tree, "LUKS metadata")
    self.metadataSize = metadataSize
    self.limits = limits
    slots = try root.object("keyslots").numbered("key slot", below: LuksMetadata.most)
    segments = try root.object("segments").numbered("segment", below: LuksMetadata.most)
    var digests: [Digest] = []
    for (number, fields) in try root.object("digests").numbered("digest", below: LuksMetadata.most) {
      _ = try fields.text("type")
      digests.append(
        Digest(
          number: number, fields: fields, slots: try fields.texts("keyslots"),
          segments: try fields.texts("segments")))
    }
    self.digests = digests
    materialSize = try LuksMetadata.materialSize(root.object("config"), metadataSize)
    try checkBonds()
    for (_, token) in try root.object("tokens").numbered("token", below: LuksMetadata.most) {
      _ = try token.text("type")
      try refuseUnknown(token.texts("keyslots"), of: slots, "key slot", in: token)
    }
  }

  private static func materialSize(_ config: LuksMetadataObject, _ metadataSize: UInt64) throws(BlockError)
    -> UInt64
  {
    let json = try config.decimal("json_size")
    guard json == metadataSize - 4096 else {
      throw BlockError(.corrupt, "LUKS metadata size \(json) does not fit its header")
    }
    let material = try config.decimal("keyslots_size")
    guard material <= 128 << 20, material % 4096 == 0 else {
      throw BlockError(.corrupt, "LUKS key material area of \(material) bytes is not possible")
    }
    _ = try config.optionalTexts("flags")
    guard config.values["requirements"] != nil else { return material }
    if let first = try config.object("requirements").optionalTexts("mandatory").first {
      let known = first.utf8.allSatisfy { (0x2D...0x7A).contains($0) } ? first : "?"
      throw BlockError(.unsupported, "LUKS header requires '\(known)', which is not supported")
    }
    return material
  }

  // MARK: References

  private func refuseUnknown(
    _ names: [String], of known: [(Int, LuksMetadataObject)], _ kind: String, in owner: LuksMetadataObject
  ) throws(BlockError) {
    for name in names where !known.contains(where: { String($0.0) == name }) {
      throw BlockError(.corrupt, "\(owner.name) names a \(kind) that there is not")
    }
  }

  /// Every slot has one digest, and digests name what there is.
  private func checkBonds() throws(BlockError) {
    var bound: Set<String> = []
    for digest in digests {
      try refuseUnknown(digest.slots, of: slots, "key slot", in: digest.fields)
      try refuseUnknown(digest.segments, of: segments, "segment", in: digest.fields)
      let own = Set(digest.slots)
      guard bound.isDisjoint(with: own) else {
        throw BlockError(.corrupt, "\(digest.fields.name) is for a key slot that has another digest")
      }
      bound.formUnion(own)
    }
    for (number, _) in slots where !bound.contains(String(number)) {
      throw BlockError(.corrupt, "LUKS key slot \(number) has no digest")
    }
  }

  private func digest(of segment: Int) throws(BlockError) -> (slots: Set<String>, VolumeKeyDigest) {
    let own = digests.filter { $0.segments.contains(String(segment)) }
    guard let digest = own.first else {
      throw BlockError(.corrupt, "LUKS segment \(segment) has no digest")
    }
    guard own.count == 1 else {
      throw BlockError(.corrupt, "LUKS segment \(segment) has more than one digest")
    }
    let fields = digest.fields
    guard try fields.text("type") == "pbkdf2" else {
      throw BlockError(.unsupported, "LUKS digest \(digest.number) is of an unknown type")
    }
    let iterations = UInt64(max(try fields.integer("iterations"), 0))
    try limits.check(iterations: iterations, of: fields.name)
    return (
      Set(digest.slots),
      VolumeKeyDigest(
        hash: try fields.word("hash"), iterations: iterations, salt: try fields.bytes("salt"),
        value: try fields.bytes("digest"))
    )
  }

  // MARK: Segments

  /// The only segment that is not a backup of another.
  private func theSegment() throws(BlockError) -> (Int, LuksMetadataObject) {
    var found: (Int, LuksMetadataObject)?
    for (index, (number, segment)) in segments.enumerated() {
      guard index == number else { throw BlockError(.corrupt, "LUKS segment \(index) is missing") }
      _ = try segment.decimal("offset")
      let isEncrypted = try segment.text("type") == "crypt"
      if isEncrypted { try LuksMetadata.checkEncrypted(segment) }
      if try segment.text("size") != "dynamic" { _ = try segment.decimal("size") }
      let flags = try segment.optionalTexts("flags")
      if flags.contains(where: { $0.hasPrefix("backup-") }) { continue }
      guard found == nil else {
        throw BlockError(.unsupported, "LUKS image with more than one segment is not supported")
      }
      guard isEncrypted else { throw BlockError(.unsupported, "LUKS segment \(number) is not encrypted") }
      guard !flags.contains("in-reencryption") else {
        throw BlockError(.unsupported, "LUKS segment \(number) is being encrypted anew")
      }
      guard segment.values["integrity"] == nil else {
        throw BlockError(.unsupported, "LUKS segment \(number) with integrity protection is not supported")
      }
      found = (number, segment)
    }
    guard let found else { throw BlockError(.corrupt, "LUKS header describes no segment") }
    return found
  }

  private static func checkEncrypted(_ segment: LuksMetadataObject) throws(BlockError) {
    _ = try segment.decimal("iv_tweak")
    _ = try segment.word("encryption")
    let sector = try segment.integer("sector_size")
    guard [512, 1024, 2048, 4096].contains(sector) else {
      throw BlockError(.corrupt, "\(segment.name) has sectors of \(sector) bytes")
    }
    guard segment.values["integrity"] != nil else { return }
    let integrity = try segment.object("integrity")
    for key in ["type", "journal_encryption", "journal_integrity"] { _ = try integrity.text(key) }
  }

  // MARK: The header

  /// Puts everything together and checks what lies where.
  func header(isDetached: Bool) throws(BlockError) -> LuksHeader {
    let (number, segment) = try theSegment()
    let (bound, digest) = try digest(of: number)
    let (cipher, mode) = CipherName.divide(try segment.word("encryption"))
    var header = LuksHeader(
      version: 2, uuid: "", cipher: cipher, mode: mode, keyBytes: 0, digest: digest,
      payloadOffset: try segment.decimal("offset"), payloadLength: nil,
      sectorSize: Int(try segment.integer("sector_size")), ivTweak: try segment.decimal("iv_tweak"),
      slots: [],
      metadataSize: metadataSize, copies: 2, label: "", sequence: 0, isDetached: isDetached,
      materialEnd: metadataSize * 2 + materialSize)
    if try segment.text("size") != "dynamic" { header.payloadLength = try segment.decimal("size") }
    for (number, fields) in slots {
      let isBound = bound.contains(String(number))
      header.slots.append(try slot(number, fields, isActive: isBound))
    }
    setKeyBytes(of: &header)
    try checkAreas(header)
    return header
  }

  /// The volume key is as long as every slot says that holds it.
  private func setKeyBytes(of header: inout LuksHeader) {
    for (index, (number, fields)) in slots.enumerated() where header.slots[index].isUsable {
      let bytes = Int((try? fields.integer("key_size")) ?? 0)
      if header.keyBytes == 0 { header.keyBytes = bytes }
      if header.keyBytes != bytes {
        header.slots[index].flaw = BlockError(.corrupt, "Keyslot \(number) holds a key of another length")
      }
    }
    // Without a key slot nobody can tell, and nobody can open the image either.
    if header.keyBytes == 0 { header.keyBytes = 64 }
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
      guard length > 0, length % UInt64(header.sectorSize) == 0, header.payloadOffset.plus(length) != nil
      else { throw BlockError(.corrupt, "LUKS payload of \(length) bytes is not possible") }
    }
  }
}
