// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors

// The layout of "LUKS On-Disk Format Specification", version 1.2.3: big-endian, sectors of 512 bytes.
extension LuksHeader {
  /// Bytes of the structure at the start of the file.
  static let version1Size = 592
  static let slotOffset = 208
  static let slotSize = 48
  static let enabled: UInt32 = 0x00AC_71F3
  static let disabled: UInt32 = 0x0000_DEAD

  /// Reads and checks the structure; `bytes` has at least its size.
  init(version1 bytes: RawSpan, isDetached: Bool, _ limits: LuksLimits) throws(BlockError) {
    cipher = try LuksHeader.name(bytes, 8, "cipher name")
    mode = try LuksHeader.name(bytes, 40, "cipher mode")
    let hash = try LuksHeader.name(bytes, 72, "hash specification")
    payloadOffset = UInt64(bytes.big32(at: 104)) * 512
    let keyBytes = bytes.big32(at: 108)
    guard keyBytes > 0, keyBytes <= UInt32(LuksLimits.keyBytes) else {
      throw BlockError(.corrupt, "LUKS volume key of \(keyBytes) bytes is not possible")
    }
    self.keyBytes = Int(keyBytes)
    digest = VolumeKeyDigest(
      hash: hash, iterations: UInt64(bytes.big32(at: 164)), salt: bytes.bytes(132..<164),
      value: bytes.bytes(112..<132))
    try limits.check(iterations: digest.iterations, of: "LUKS key")
    uuid = LuksHeader.text(bytes, 168, 40)
    version = 1
    sectorSize = 512
    ivTweak = 0
    metadataSize = UInt64(LuksHeader.version1Size)
    copies = 1
    label = ""
    sequence = 0
    self.isDetached = isDetached
    slots = []
    materialEnd = metadataSize
    for number in 0..<8 {
      let slot = try self.slot(number, bytes, limits)
      slots.append(slot)
      materialEnd = max(materialEnd, slot.area.upperBound)
    }
    try checkAreas()
  }

  private func slot(_ number: Int, _ bytes: RawSpan, _ limits: LuksLimits) throws(BlockError) -> LuksKeySlot {
    let start = LuksHeader.slotOffset + number * LuksHeader.slotSize
    let state = bytes.big32(at: start)
    guard state == LuksHeader.enabled || state == LuksHeader.disabled else {
      throw BlockError(.corrupt, "Keyslot \(number) state (active/disable) is corrupted")
    }
    let stripes = bytes.big32(at: start + 44)
    guard UInt64(stripes) == LuksLimits.stripes else {
      throw BlockError(
        .corrupt, "Keyslot \(number) is corrupted (stripes \(stripes) != \(LuksLimits.stripes))")
    }
    let iterations = UInt64(bytes.big32(at: start + 4))
    let offset = UInt64(bytes.big32(at: start + 40)) * 512
    let material = KeyMaterial(
      cipher: cipher, mode: mode, areaKeyBytes: keyBytes, hash: hash, stripes: UInt64(stripes))
    var slot = LuksKeySlot(
      number: number, isActive: state == LuksHeader.enabled,
      area: offset..<offset + UInt64(material.length(keyBytes: keyBytes)), stripes: UInt64(stripes),
      derivation: .pbkdf2(hash: hash, iterations: iterations), salt: bytes.bytes(start + 8..<start + 40),
      material: material)
    if slot.isActive {
      do throws(BlockError) {
        try limits.check(iterations: iterations, of: "Keyslot \(number)")
      } catch {
        guard error.kind == .refused else { throw error }
        slot.flaw = error
      }
    }
    return slot
  }

  private func checkAreas() throws(BlockError) {
    // Another file's offset says nothing about this one; 0 is told apart where the data is looked for.
    let isApart = isDetached || payloadOffset == 0
    guard isApart || payloadOffset >= UInt64(LuksHeader.version1Size) else {
      throw BlockError(.corrupt, "LUKS payload is overlapping with the header")
    }
    for slot in slots {
      guard slot.area.lowerBound >= UInt64(LuksHeader.version1Size) else {
        throw BlockError(.corrupt, "Keyslot \(slot.number) is overlapping with the LUKS header")
      }
      guard isApart || slot.area.upperBound <= payloadOffset else {
        throw BlockError(.corrupt, "Keyslot \(slot.number) is overlapping with the encrypted payload")
      }
    }
    try refuseOverlaps()
  }

  /// Refuses key material areas that share a byte.
  func refuseOverlaps() throws(BlockError) {
    for (index, slot) in slots.enumerated() {
      for other in slots[(index + 1)...] where slot.area.overlaps(other.area) {
        throw BlockError(
          .corrupt, "Keyslots \(slot.number) and \(other.number) are overlapping in the header")
      }
    }
  }

  private static func name(_ bytes: RawSpan, _ offset: Int, _ field: String) throws(BlockError) -> String {
    let name = text(bytes, offset, 32)
    try LuksLimits.check(name: name, field: field)
    return name
  }

  /// Text that ends with its field or at a zero byte; bytes that are not printable show as question marks.
  static func text(_ bytes: RawSpan, _ offset: Int, _ count: Int) -> String {
    var text = ""
    for index in offset..<offset + count {
      let byte = bytes.byte(at: index)
      if byte == 0 { break }
      text.unicodeScalars.append((0x20...0x7E).contains(byte) ? Unicode.Scalar(byte) : "?")
    }
    return text
  }
}
